import { runningInstances } from '../../index.js';
import { findApp, isDirectory } from '../app.js';
import * as examine from '../examination.js';
import { DONE, FAILED } from '../exit-codes.js';
import { explain } from '../problems.js';
import { styleOf } from '../style.js';
import { usageError } from '../usage-error.js';
import type { Given } from '../values.js';
import { readCommon } from './common.js';
import { spawnOptions } from './start.js';

type Finding = examine.Finding | undefined;

/** `doctor [app]`, with the flags of `start`: what would keep it from starting, or from serving well. Starts nothing. */
export async function doctor(named: string | undefined, given: Given): Promise<number> {
  const spawn = spawnOptions(given, named === undefined ? given.config?.folder : '.');
  if (!isDirectory(spawn.cwd)) throw usageError(`The directory ${spawn.cwd} does not exist.`);
  const { options, where } = readCommon(given, spawn.cwd);
  const app = named ?? given.config?.own.app;
  const endpoints = (options.endpoints ?? []).filter((endpoint) => typeof endpoint === 'string');
  const hasApp = app !== undefined || (options.endpoints === undefined && options.pools === undefined);

  const checks: (() => Finding | Promise<Finding>)[] = [
    () => examine.examineOptions(options, given.config?.label),
    ...(hasApp ? [() => theApp(app, spawn.cwd), () => examine.examineWorkers(spawn.count)] : []),
    ...where.map((address) => () => examine.examineAddress(address)),
    () => examine.examineCertificate(options.https),
    ...endpoints.map((url) => () => examine.examineEndpoint(url)),
    () => examine.examineOpenFiles(),
    theControlSocket,
  ];
  const { green, yellow, red } = styleOf(process.stdout);
  const signs = { good: green('✔'), doubtful: yellow('▲'), bad: red('✖') };
  let exitCode = DONE;
  for (const check of checks) {
    const finding = await resultOf(check, given);
    if (finding === undefined) continue;
    if (finding.level === 'bad') exitCode = FAILED;
    process.stdout.write(`${signs[finding.level]} ${finding.text}\n`);
  }
  return exitCode;
}

async function resultOf(check: () => Finding | Promise<Finding>, given: Given): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return { level: 'bad', text: (await explain(error, given)).message };
  }
}

function theApp(app: string | readonly string[] | undefined, folder: string): Finding {
  if (typeof app === 'object') return { level: 'good', text: `The app is the command ${app.join(' ')}.` };
  return { level: 'good', text: `The app is ${findApp(app, folder).file}.` };
}

async function theControlSocket(): Promise<Finding> {
  await runningInstances();
  return { level: 'good', text: 'Commands such as status and stop will find it.' };
}
