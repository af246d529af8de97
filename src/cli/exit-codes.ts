/** What the command `multiserver` ends with; a second signal ends it with 128 + the signal's number, as a shell would say. */
export const DONE = 0;
export const FAILED = 1;
export const WRONG_USAGE = 2;
export const NOT_RUNNING = 3;

/** One row each, for `--help` and the reference. */
export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  [`${DONE}`, 'Done; for start and proxy: stopped as asked, after what was in progress had ended.'],
  [`${FAILED}`, 'It could not start (the app does not start, the port is in use, …), or an error ended it.'],
  [`${WRONG_USAGE}`, 'The command line, an environment variable or a file it names is wrong.'],
  [`${NOT_RUNNING}`, 'The instance that the command is for is not running.'],
  ['130, 143', 'A second SIGINT or SIGTERM ended it at once.'],
];
