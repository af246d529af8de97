import cluster from 'node:cluster';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { Link } from '../../link/link.js';
import { readSupervisorMessage, type SupervisorMessage, type WorkerMessage } from '../../link/messages.js';
import { readClientField } from './client.js';
import { startHeartbeat } from './heartbeat.js';
import { takeOverListen } from './listen.js';
import { LINK_DESCRIPTOR, LINK_VARIABLE, type PreloadSettings } from './settings.js';

/** Flags and environment pass to what the app starts with `fork()` or as threads; only the worker itself is meant. */
function takeSettings(): PreloadSettings | undefined {
  const text = process.env[LINK_VARIABLE];
  if (text === undefined || !isMainThread) return undefined;
  delete process.env[LINK_VARIABLE];
  const settings = JSON.parse(text) as PreloadSettings;
  return settings.supervisor === process.ppid ? settings : undefined;
}

function hidePreload(): void {
  const at = process.execArgv.findIndex(
    (flag, i) => flag.endsWith('preload.cjs') && process.execArgv[i - 1] === '--require',
  );
  if (at > 0) process.execArgv.splice(at - 1, 2);
}

/** Nothing is left when the supervisor is gone: this process and all it started end here, unless its event loop is blocked (`GroupGuard`). */
function endGroup(): void {
  process.kill(-process.pid, 'SIGKILL');
}

/** What is written leaves before the next statement runs, as it would to a terminal or a file: what a crash had still to say is not lost. */
function writeAtOnce(): void {
  for (const stream of [process.stdout, process.stderr] as { _handle?: { setBlocking?(on: boolean): void } }[]) {
    stream._handle?.setBlocking?.(true);
  }
}

function install(settings: PreloadSettings): void {
  hidePreload();
  writeAtOnce();
  const socket = new net.Socket({ fd: LINK_DESCRIPTOR });
  const link = new Link<SupervisorMessage, WorkerMessage>(socket, readSupervisorMessage, {
    onMessage: (message) => takeOver.setPublicPort(message.port),
    onClose: endGroup,
  });
  // an app that has nothing left to do ends as it would without us
  socket.unref();

  const refuse = (sentence: string): Error => {
    link.send({ type: 'refused', sentence });
    return Object.assign(new Error(sentence), { code: 'MS_UNSUPPORTED' });
  };
  const takeOver = takeOverListen(settings, link, refuse);
  readClientField();
  startHeartbeat(link, settings.beatInterval);

  cluster.fork = () => {
    throw refuse(
      'The app uses node:cluster, but multiserver already runs it on several workers: start it without its own cluster, or with "-w 1 -- node app.js".',
    );
  };
  syncBuiltinESMExports();

  // There is no IPC channel, which would deliver 'message' events that the app has not asked for; of what apps say to their parent, only
  // the word for "ready" means anything here.
  process.send = (message: unknown, ...rest: unknown[]): boolean => {
    if (message === 'ready') link.send({ type: 'ready' });
    const callback = rest.find((value) => typeof value === 'function');
    if (callback !== undefined) process.nextTick(callback, null);
    return true;
  };
}

const settings = takeSettings();
if (settings !== undefined) install(settings);
