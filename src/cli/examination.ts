import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import {
  formatAddress,
  LoadBalancer,
  type HttpsOptions,
  type ListenAddress,
  type LoadBalancerOptions,
} from '../index.js';
import { expectFree } from './addresses.js';

/** What `doctor` has found, and what to do where it is not good. */
export interface Finding {
  readonly level: 'good' | 'doubtful' | 'bad';
  readonly text: string;
}

const good = (text: string): Finding => ({ level: 'good', text });
const doubtful = (text: string): Finding => ({ level: 'doubtful', text });
const bad = (text: string): Finding => ({ level: 'bad', text });

const DAY = 86_400_000;
/** Less is soon: certificates are mostly renewed a month before they end. */
const DAYS_LEFT = 14;
/** Each client and each request to an endpoint needs one. */
const ENOUGH_FILES = 10_000;
const REACH_TIMEOUT = 3000;

/** Throws what a balancer with these options would. */
export async function examineOptions(options: LoadBalancerOptions, label: string | undefined): Promise<Finding> {
  await new LoadBalancer(options).close({ timeout: 0 });
  return good(
    label === undefined
      ? 'The options are right; there is no configuration file.'
      : `The options are right, with ${label}.`,
  );
}

export function examineWorkers(count: number | 'auto' | undefined): Finding {
  const cores = availableParallelism();
  const workers = typeof count === 'number' ? count : cores;
  const text = `${workers} ${workers === 1 ? 'worker' : 'workers'} on ${cores} ${cores === 1 ? 'core' : 'cores'}`;
  return workers > 2 * cores
    ? doubtful(`${text}: more than cores seldom help, and take memory; see -w.`)
    : good(`${text}.`);
}

/** Throws what keeps it from listening there. */
export async function examineAddress(address: ListenAddress): Promise<Finding> {
  await expectFree([address]);
  if ('fd' in address) return good(`fd:${address.fd} is a socket.`);
  if ('path' in address) return good(`unix:${address.path} can be made.`);
  return good(
    `${formatAddress({ host: address.host ?? 'localhost', port: address.port, secure: address.secure ?? false })} is free.`,
  );
}

/** A file that is not there is told with the options. */
export function examineCertificate({ cert }: HttpsOptions = {}, now = Date.now()): Finding | undefined {
  const isPem = Buffer.isBuffer(cert) || cert?.includes('-----BEGIN') === true;
  if (cert === undefined || (!isPem && !existsSync(cert))) return undefined;
  const pem = isPem ? cert : readFileSync(cert);
  const { subjectAltName, subject, validTo } = new X509Certificate(pem);
  const name = subjectAltName ?? subject;
  const days = Math.floor((Date.parse(validTo) - now) / DAY);
  if (days < 0) return bad(`The certificate for ${name} ended on ${validTo}: renew it.`);
  const text = `The certificate for ${name} is good for ${days} ${days === 1 ? 'day' : 'days'}`;
  return days < DAYS_LEFT ? doubtful(`${text}: renew it soon; a new file is taken over by itself.`) : good(`${text}.`);
}

/** Whether somebody accepts connections where the URL says. What finds endpoints by itself is not asked. */
export async function examineEndpoint(url: string): Promise<Finding | undefined> {
  const { protocol, hostname, port } = new URL(url);
  const path = url.startsWith('unix:') ? url.slice('unix:'.length) : undefined;
  if (path === undefined && protocol !== 'http:' && protocol !== 'https:') return undefined;
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect(
    path === undefined ? { host, port: Number(port || (protocol === 'https:' ? 443 : 80)) } : { path },
  );
  const problem = await new Promise<string | undefined>((resolve) => {
    socket.setTimeout(REACH_TIMEOUT, () => resolve(`nothing came within ${REACH_TIMEOUT / 1000} s`));
    socket.once('connect', () => resolve(undefined));
    socket.on('error', (error) => resolve(error.message));
  });
  socket.destroy();
  return problem === undefined
    ? good(`${url} accepts connections.`)
    : bad(`${url} cannot be reached (${problem}): see that it runs, and that no firewall is in between.`);
}

export function examineOpenFiles(): Finding {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const limit = report.userLimits?.open_files?.soft;
  const most = typeof limit === 'number' ? limit : Infinity;
  return most < ENOUGH_FILES
    ? doubtful(
        `No more than ${most} files and connections may be open at once: raise it with "ulimit -n 65536", or LimitNOFILE= in a unit of systemd.`,
      )
    : good(`${most === Infinity ? 'Any number of' : most} files and connections may be open at once.`);
}
