import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { assertSays, multiserver } from './command.js';
import { AppFolder } from './instance.js';

/** How each shell is asked what may stand where `words` end; a word a line. */
const ASK: Readonly<Record<string, (script: string, words: readonly string[]) => string[]>> = {
  bash: (script, words) => [
    '-c',
    `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _multiserver; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
    ...words,
  ],
  fish: (script, words) => [
    '--no-config',
    '-c',
    `source ${script}; complete -C "${words.join(' ')}" | string split -f 1 \\t`,
  ],
  // The functions of zsh's completion work within its line editor only: what they are told is what counts.
  zsh: (script, words) => [
    '-f',
    '-c',
    `compdef() {}; _describe() { print -l -- \${\${(P)2}%%:*}; }; _arguments() { print -l -- \${\${@#\\*}%%\\[*}; }
source ${script}; words=("$@"); CURRENT=$#; _multiserver`,
    'zsh',
    ...words,
  ],
};

describe('completion', () => {
  const folder = new AppFolder();
  after(() => folder.remove());

  for (const [shell, argsOf] of Object.entries(ASK)) {
    const missing = spawnSync(shell, ['-c', 'true']).status !== 0 && `${shell} is not here`;
    describe(`in ${shell}`, { skip: missing }, () => {
      let script = '';
      before(async () => {
        const { code, stdout } = await multiserver(['completion', shell]);
        assert.equal(code, 0);
        script = folder.write(`script.${shell}`, stdout);
      });
      const complete = (...words: string[]): string[] => {
        const { stdout, stderr } = spawnSync(shell, argsOf(script, words), { encoding: 'utf8', cwd: folder.path });
        assert.equal(stderr, '');
        const last = words.at(-1)!;
        return stdout.split('\n').filter((word) => word !== '' && word.startsWith(last));
      };

      test('knows the commands', () => {
        assert.deepEqual(complete('multiserver', 'st').toSorted(), ['start', 'status', 'stop']);
      });

      test('knows the flags of each command', () => {
        assert.deepEqual(complete('multiserver', 'start', '--queue').toSorted(), ['--queue-size', '--queue-timeout']);
        assert.deepEqual(complete('multiserver', 'stop', '--n'), ['--name']);
        assert.deepEqual(complete('multiserver', 'stop', '--queue'), []);
      });

      test('knows the algorithms', { skip: shell === 'zsh' && 'zsh finds them by itself' }, () => {
        assert.deepEqual(complete('multiserver', 'proxy', '-a', 'least').toSorted(), [
          'least-connections',
          'least-latency',
        ]);
      });
    });
  }

  test('is refused for a shell that is not known', async () => {
    assertSays(await multiserver(['completion', 'csh']), 2, "There is completion for bash, zsh, fish; not for 'csh'.");
  });
});
