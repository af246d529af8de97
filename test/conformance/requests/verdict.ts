import { list, type Verdict } from '../cases.js';
import { type Arrivals, echoOf } from './backend.js';
import { type Answer, answersIn, type Seen } from './client.js';
import type { Outcome, RequestCase } from './request-case.js';
import { type StrictRequest, valuesOf } from './strict-request.js';

interface Played {
  readonly one: RequestCase;
  readonly token: string;
  readonly arrivals: Arrivals;
  readonly seen: Seen;
  /** In the order of the numbers in their targets: not all need have come over one connection. */
  readonly requests: readonly StrictRequest[];
  readonly answers: readonly Answer[];
  readonly finals: readonly Answer[];
}

export function judge(one: RequestCase, token: string, arrivals: Arrivals, seen: Seen): Verdict {
  const answers = answersIn(seen.text, one.methods ?? [/^\S*/.exec(one.raw.trimStart())![0]]);
  const finals = answers.filter(({ status }) => status === 0 || status >= 200);
  const played = { one, token, arrivals, seen, requests: inOrder(arrivals.requests), answers, finals };
  const status = finals[0]?.status;
  if (arrivals.bad.length > 0) return { as: null, status, why: `malformed at the backend: ${arrivals.bad[0]}` };
  const reasons: string[] = [];
  for (const outcome of list<Outcome>(one.expect)) {
    const why = outcome === 'reject' ? whyNotRejected(played) : whyNotForwarded(played);
    if (why === '') return { as: outcome, status, why };
    reasons.push(`no ${outcome}: ${why}`);
  }
  return { as: null, status, why: `${reasons.join(', ')}; ${tell(played)}` };
}

function inOrder(requests: readonly StrictRequest[]): StrictRequest[] {
  const keyed = requests.map((request, i) => ({ request, key: Number(/\/(\d+)$/.exec(request.target)?.[1] ?? i) }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ request }) => request);
}

function whyNotRejected({ one, arrivals, seen, requests, finals }: Played): string {
  if (requests.length > 0) return 'passed on';
  if (arrivals.cut.length > 0 && one.partial !== true) return 'began to pass it on';
  const [first] = finals;
  if (first === undefined) {
    return seen.closed || seen.closedAfter || one.wait === true ? '' : 'neither answered nor closed';
  }
  if (first.echo !== undefined) return 'answered by the backend';
  if (first.status === 0) return one.binary === true ? '' : 'answered with junk';
  return first.status >= 300 || one.local === true ? '' : `answered ${first.status}`;
}

function whyNotForwarded(played: Played): string {
  const { one, arrivals, requests, finals } = played;
  const counts = list(one.n ?? 1);
  const own = finals.findIndex(({ echo }) => echo === undefined);
  if (own >= 0) {
    const { status } = finals[own]!;
    if (one.then !== 'reject' || own < counts[0]! || status < 400) return `answered ${status}`;
  }
  if (!counts.includes(requests.length)) return `${requests.length} requests instead of ${counts.join(' or ')}`;
  if (arrivals.cut.length > 0) return 'an incomplete request at the backend';
  if (finals.filter(({ echo }) => echo !== undefined).length !== requests.length) return 'another number of answers';
  for (const [i, request] of requests.entries()) {
    const why = whyAnother(played, request, i);
    if (why !== '') return `request ${i + 1}: ${why}`;
  }
  return whyOtherFields(one, requests[0]!) || whyOtherTarget(played, requests[0]!) || whyOtherEnd(played);
}

function whyAnother({ one, token, finals }: Played, request: StrictRequest, i: number): string {
  const { method, target, body, warnings } = request;
  if (one.methods !== undefined && method !== one.methods[i]) return `method ${method}`;
  if (body !== (one.bodies?.[i] ?? '').replaceAll('__ID__', token)) return `body ${JSON.stringify(body.slice(0, 40))}`;
  if (finals[i]?.echo !== echoOf(target)) return 'the answer of another request';
  const wrong = warnings.filter((warning) => one.tolerate?.includes(warning) !== true);
  return wrong.length > 0 ? `not well formed: ${wrong.join(', ')}` : '';
}

function whyOtherFields(one: RequestCase, { fields }: StrictRequest): string {
  const all = (name: string): string[] => valuesOf(fields, name);
  const options = all('connection').join(',').toLowerCase().split(',').map((o) => o.trim()).filter((o) => o !== ''); // prettier-ignore
  const isOwn = (option: string): boolean =>
    option === 'close' || option === 'keep-alive' || (/^(te|upgrade)$/.test(option) && all(option).length > 0);
  if (!options.every(isOwn)) return `Connection passed on: ${options.join(', ')}`;
  for (const name of one.absent ?? []) if (all(name).length > 0) return `${name} passed on`;
  for (const name of one.hop ?? []) {
    if (all(name).length > 0 && !options.includes(name)) return `${name} passed on, and not in Connection`;
  }
  for (const [name, allowed] of Object.entries(one.value ?? {})) {
    const [value, second] = all(name).map((v) => v.replace(/\b(gzip|chunked)\b/gi, (coding) => coding.toLowerCase()));
    if (value === undefined || second !== undefined || !allowed.includes(value))
      return `${name} is ${all(name).join(' | ')}`;
  }
  return '';
}

function whyOtherTarget({ one, token }: Played, { target, fields }: StrictRequest): string {
  const { targets, hostNot } = one;
  if (targets !== undefined && !targets.map((t) => t.replaceAll('__ID__', token)).includes(target))
    return `target ${target}`;
  return hostNot !== undefined && valuesOf(fields, 'host').some((h) => h.startsWith(hostNot)) ? 'a stale Host' : '';
}

function whyOtherEnd({ one, seen, answers }: Played): string {
  if (one.close === true && !seen.closed) return 'the connection was left open';
  if (one.no100 === true && answers.some(({ status }) => status === 100)) return '1xx sent to an HTTP/1.0 client';
  const early = /^HTTP\/1\.1 [1-5]\d\d/.test(seen.text.slice(0, seen.marks[1]));
  return one.want100 === true && !early ? 'no 100 before the body' : '';
}

function tell({ arrivals, seen, requests, answers }: Played): string {
  const at = requests.map(({ method, target, body }) => `${method} ${echoOf(target)} with ${body.length}`).join(', ');
  const cut = arrivals.cut.length > 0 ? ` and ${arrivals.cut.length} incomplete` : '';
  const told = answers.map(({ status, echo }) => `${status}${echo === undefined ? ' of its own' : ''}`).join(', ');
  return `backend: ${at || 'nothing'}${cut}; client: ${told || 'nothing'}${seen.closed ? ', closed' : ''}`;
}
