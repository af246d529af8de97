import { lstatSync, mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MultiserverError } from '../errors.js';

/** What a running instance can be told and asked. A promise that never settles holds the caller's connection until the instance ends. */
export type ControlCommands = Readonly<Record<string, (input: unknown) => unknown>>;

export interface Control {
  readonly path: string;
  close(): void;
}

/** Longest path of a Unix socket on Linux is 107 bytes, on macOS 103; what is longer is cut off in silence. */
const MAX_PATH = 103;
const MAX_BODY = 64 * 1024;
const MAX_NAME = 40;
const NAME = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${MAX_NAME - 1}}$`);

/**
 * The name of an instance: what was given, or that of the folder with everything unusual replaced; `nth` from 2 for one more of the same
 * folder: `shop-2`.
 */
export function instanceName(given: string | undefined, folder: string, nth = 1): string {
  if (given === undefined) {
    const suffix = nth === 1 ? '' : `-${nth}`;
    const safe = basename(folder)
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '');
    return (safe.slice(0, MAX_NAME - suffix.length) || 'multiserver') + suffix;
  }
  if (NAME.test(given)) return given;
  throw new MultiserverError(
    'MS_INVALID_OPTION',
    `The name of an instance must be 1 to ${MAX_NAME} letters, digits, '.', '_' or '-'; it is '${given}'.`,
  );
}

/**
 * Opens the control socket of an instance: JSON over HTTP over a Unix socket in a directory that only its owner can enter, which is all
 * the protection it needs. The socket of an instance that died is replaced; a live one of the same name is an error.
 */
export async function openControl(name: string, commands: ControlCommands): Promise<Control> {
  const path = socketPath(name);
  const server = createServer(
    { requestTimeout: 10_000 },
    (request, response) => void answer(commands, request, response),
  );
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await listen().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      await removeDead(name, path);
      await listen();
    });
  } catch (cause) {
    if (cause instanceof MultiserverError) throw cause;
    throw new MultiserverError(
      'MS_CONTROL_FAILED',
      `The control socket ${path} cannot be opened: ${(cause as Error).message}.`,
      { cause },
    );
  }
  server.on('error', () => {}); // accept() may run out of file descriptors; the next caller tries again
  server.on('clientError', (_error, socket) => socket.destroy());
  server.unref();
  return { path, close: () => void server.close() };
}

/** Moved away before it is removed: of two that start at once, one could else remove the other's new socket. */
async function removeDead(name: string, path: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  if (!(await isAlive(path))) {
    renameSync(path, aside);
    if (!(await isAlive(aside))) {
      unlinkSync(aside);
      return;
    }
    renameSync(aside, path);
  }
  throw new MultiserverError('MS_ALREADY_RUNNING', `An instance named ${name} is already running.`);
}

/** Asks the running instance `name`; rejects with MS_NOT_RUNNING when there is none. */
export async function callControl(name: string, command: string, input?: unknown, timeout = 10_000): Promise<unknown> {
  const { status, body } = await post(socketPath(name), command, input, timeout).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') {
        throw new MultiserverError('MS_NOT_RUNNING', `No instance named ${name} is running.`, { cause });
      }
      throw new MultiserverError('MS_CONTROL_FAILED', `The instance ${name} does not answer: ${cause.message}.`, {
        cause,
      });
    },
  );
  const reply = JSON.parse(body || 'null') as { error?: string } | null;
  if (status === 200) return reply;
  throw new MultiserverError(
    'MS_CONTROL_FAILED',
    `The instance ${name} refused "${command}": ${reply?.error ?? status}`,
  );
}

/** Names of the instances of this user that answer. */
export async function runningInstances(): Promise<string[]> {
  const directory = socketDirectory();
  const names = readdirSync(directory)
    .filter((file) => file.endsWith('.sock'))
    .map((file) => file.slice(0, -'.sock'.length))
    .sort();
  const alive = await Promise.all(names.map((name) => isAlive(join(directory, `${name}.sock`))));
  return names.filter((_, i) => alive[i]);
}

async function answer(commands: ControlCommands, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, value: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value ?? null));
  };
  try {
    const command = Object.hasOwn(commands, request.url!.slice(1)) ? commands[request.url!.slice(1)] : undefined;
    if (!command) return reply(404, { error: 'there is no such command.' });
    if (request.method !== 'POST') return reply(405, { error: 'commands are sent with POST.' });
    let body = '';
    for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
      body += chunk;
      if (body.length > MAX_BODY) return reply(413, { error: 'the input is too large.' });
    }
    reply(200, await command(body === '' ? undefined : JSON.parse(body)));
  } catch (error) {
    if (!response.headersSent) reply(500, { error: (error as Error).message });
  }
}

function post(
  socket: string,
  command: string,
  input: unknown,
  timeout: number,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: socket, method: 'POST', path: `/${command}`, agent: false, timeout },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, body }));
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error(`nothing came within ${timeout / 1000} s`)));
    call.end(input === undefined ? '' : JSON.stringify(input));
  });
}

/** Alive is who accepts a connection; whether it answers in time is another question. */
async function isAlive(socket: string): Promise<boolean> {
  try {
    await post(socket, '', undefined, 2000);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ENOTSOCK';
  }
}

function socketPath(name: string): string {
  const path = join(socketDirectory(), `${name}.sock`);
  if (Buffer.byteLength(path) <= MAX_PATH) return path;
  throw new MultiserverError(
    'MS_CONTROL_FAILED',
    `The path of the control socket is too long for the system: ${path}.`,
  );
}

/** In the user's own run-time directory, else below the common temporary one, where anybody could have put a directory before us. */
function socketDirectory(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  const directory =
    runtime && isOurs(runtime)
      ? join(runtime, 'multiserver')
      : join(tmpdir(), `multiserver-${process.getuid?.() ?? 'user'}`);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new MultiserverError(
        'MS_CONTROL_FAILED',
        `The directory ${directory} cannot be made: ${(cause as Error).message}.`,
        { cause },
      );
    }
  }
  if (isOurs(directory)) return directory;
  throw new MultiserverError(
    'MS_CONTROL_FAILED',
    `${directory} must be a directory that belongs to you and that only you can enter.`,
  );
}

/** A directory, not a link to one, of this user, closed to all others. (`sudo` keeps the variables of whoever called it.) */
function isOurs(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return false;
  return process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o077) === 0);
}
