import { FLAGS, type FlagRow } from '../flags.js';
import type { Given } from '../values.js';
import { completion } from './completion.js';
import { doctor } from './doctor.js';
import { drain, maintenance, resume } from './endpoints.js';
import { proxy } from './proxy.js';
import { start } from './start.js';
import { status } from './status.js';
import { stop } from './stop.js';
import { reload, scale } from './workers.js';

export interface CommandRow {
  readonly name: string;
  /** What it does, beside its name in `--help`. */
  readonly summary: string;
  /** As commander reads it, and what it is. */
  readonly operand?: readonly [syntax: string, description: string];
  /** Where commander's own would not do. */
  readonly usage?: string;
  readonly flags: readonly FlagRow[];
  /** `rest` is what stood after `--`. Gives the exit code. */
  readonly run: (given: Given, operands: readonly string[], rest: readonly string[]) => Promise<number>;
}

const ENDPOINT = [
  '<endpoint>',
  "as status shows it: worker:0, or http://10.0.0.7:8080; a worker's number will do",
] as const;

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'start',
    summary: 'run an app on many workers behind the balancer',
    operand: ['[app]', "file or folder of the app; without it, package.json's start script or main file"],
    usage: '[app] [flags] [-- arguments of the app]\n       multiserver start [flags] -- <any command>',
    flags: FLAGS.start,
    run: (given, [app], rest) => start(app, rest, given),
  },
  {
    name: 'proxy',
    summary: 'balance over servers that already run',
    operand: [
      '[url...]',
      'http://host:port of each server, or where to find them: dns://name:port, dns+srv://name, file:path; without it, the endpoints of the configuration file',
    ],
    flags: FLAGS.proxy,
    run: (given, urls) => proxy(urls, given),
  },
  { name: 'status', summary: 'show what runs', flags: FLAGS.status, run: status },
  {
    name: 'reload',
    summary: 'start the app anew, worker by worker, without losing a request',
    flags: FLAGS.control,
    run: reload,
  },
  {
    name: 'scale',
    summary: 'change the number of workers',
    operand: ['<n>', 'how many, or by how many: +2, -1'],
    flags: FLAGS.control,
    run: scale,
  },
  {
    name: 'drain',
    summary: 'send an endpoint no new requests and let those in progress end',
    operand: ENDPOINT,
    flags: FLAGS.control,
    run: drain,
  },
  {
    name: 'maintenance',
    summary: 'as drain, and a worker that is started again gets none either',
    operand: ENDPOINT,
    flags: FLAGS.control,
    run: maintenance,
  },
  { name: 'resume', summary: 'end drain or maintenance', operand: ENDPOINT, flags: FLAGS.control, run: resume },
  { name: 'stop', summary: 'end a running instance gracefully', flags: FLAGS.control, run: stop },
  {
    name: 'doctor',
    summary: 'look for what would keep it from starting or serving well',
    operand: ['[app]', 'as with start'],
    flags: FLAGS.start,
    run: (given, [app]) => doctor(app, given),
  },
  {
    name: 'completion',
    summary: 'write a script that completes commands and flags in a shell',
    operand: ['<shell>', 'bash, zsh or fish'],
    flags: FLAGS.local,
    run: (_given, [shell]) => completion(shell!, COMMANDS),
  },
];
