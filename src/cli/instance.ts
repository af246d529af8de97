import { realpathSync } from 'node:fs';
import {
  callControl,
  instanceName,
  MultiserverError,
  openControl,
  runningInstances,
  type BalancerStatus,
  type Control,
  type ErrorCode,
} from '../index.js';
import { usageError } from './usage-error.js';

/** What an instance tells of itself. */
export interface InstanceStatus extends BalancerStatus {
  readonly name: string;
  /** Its app's, and the one where it was started: commands typed there are for it. */
  readonly folders: readonly string[];
}

/** What an instance is called: as it was asked for, or like its folder. */
export interface InstanceId {
  readonly given: string | undefined;
  readonly folder: string;
}

/** More instances of one folder than anybody starts on purpose. */
const MAX_OF_FOLDER = 100;

/**
 * Opens the control socket, under the name that was given if it is free, else under the first free one of the folder: `shop`, `shop-2`, …
 * `commands` makes what it answers to.
 */
export async function openInstance(
  { given, folder }: InstanceId,
  commands: (name: string) => Parameters<typeof openControl>[1],
): Promise<{ name: string; control: Control }> {
  const most = given === undefined ? MAX_OF_FOLDER : 1;
  for (let nth = 1; nth <= most; nth++) {
    const name = instanceName(given, folder, nth);
    try {
      return { name, control: await openControl(name, commands(name)) };
    } catch (error) {
      if (!isCode(error, 'MS_ALREADY_RUNNING')) throw error;
    }
  }
  const name = instanceName(given, folder);
  throw new MultiserverError(
    'MS_ALREADY_RUNNING',
    `An instance named ${name} is already running: end it with "multiserver stop --name ${name}", or give this one another --name.`,
  );
}

/** The folders that {@link InstanceStatus} tells. */
export function foldersOf({ folder }: InstanceId): string[] {
  return [...new Set([realpathSync(folder), process.cwd()])];
}

export interface Instances {
  /** Those that commands typed in this folder are for. */
  readonly here: readonly InstanceStatus[];
  readonly elsewhere: readonly InstanceStatus[];
  /** Names of those that are there but do not answer. */
  readonly silent: readonly string[];
}

/** Every instance of this user. */
export async function findInstances(): Promise<Instances> {
  const silent: string[] = [];
  const ask = (name: string) => askStatus(name).catch(() => void silent.push(name));
  const found = await Promise.all((await runningInstances()).map(ask));
  const all = found.filter((instance) => instance !== undefined);
  return { here: all.filter(isHere), elsewhere: all.filter((instance) => !isHere(instance)), silent };
}

const isHere = ({ folders }: InstanceStatus): boolean => folders.includes(process.cwd());

/** Undefined when it is not there, or ended while it was asked. */
export async function askStatus(name: string): Promise<InstanceStatus | undefined> {
  try {
    return (await callControl(name, 'status')) as InstanceStatus;
  } catch (error) {
    if (isCode(error, 'MS_NOT_RUNNING')) return undefined;
    throw error;
  }
}

/** The name of the instance that a command is for: the one given, else the only one of this folder. */
export async function chooseInstance(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    const name = instanceName(given, '');
    const names = await runningInstances();
    if (names.includes(name)) return name;
    throw notRunning(`No instance named ${name} is running`, names);
  }
  const { here, elsewhere, silent } = await findInstances();
  if (here.length > 1) {
    throw usageError(
      `${here.length} instances run in this folder; say which with --name: ${namesOf(here).join(', ')}.`,
    );
  }
  const [only] = here;
  if (only) return only.name;
  throw notRunning('No instance is running in this folder', [...namesOf(elsewhere), ...silent]);
}

export const namesOf = (instances: readonly InstanceStatus[]): string[] => instances.map(({ name }) => name);

function notRunning(what: string, others: readonly string[]): MultiserverError {
  const hint = others.length === 0 ? 'no other is either' : `choose with --name: ${others.join(', ')}`;
  return new MultiserverError('MS_NOT_RUNNING', `${what}; ${hint}.`);
}

const isCode = (error: unknown, code: ErrorCode): boolean => error instanceof MultiserverError && error.code === code;
