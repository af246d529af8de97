import { list, type Verdict } from '../cases.js';
import type { Answered } from './client.js';
import type { Outcome, ResponseCase } from './response-case.js';

export function judge(one: ResponseCase, answered: Answered): Verdict {
  const { final, bad, interim } = answered;
  const status = final?.status;
  if (bad !== '') return { as: null, status, why: `malformed for the client: ${bad}` };
  if (one.no101 === true && interim.includes(101)) return { as: null, status, why: 'the 101 passed' };
  const reasons: string[] = [];
  for (const outcome of list<Outcome>(one.expect)) {
    const why = outcome === 'forward' ? whyNotForwarded(one, answered) : whyNoBadGateway(one, answered);
    if (why === '') return { as: outcome, status, why };
    reasons.push(`no ${outcome}: ${why}`);
  }
  const end = answered.reset ? ', reset' : answered.closed ? ', closed' : '';
  return { as: null, status, why: `${reasons.join(', ')}; client: ${[...interim, status].join(' ')}${end}` };
}

/** A body until the close is complete when the connection ends without a reset. */
export function isComplete({ final, closed, reset }: Answered): boolean {
  return final !== null && (final.framing === 'close' ? closed && !reset : final.complete);
}

function whyNotForwarded(one: ResponseCase, answered: Answered): string {
  const { final } = answered;
  if (final === null) return 'no final response';
  if (!isComplete(answered)) return 'not complete';
  if (final.status !== one.status) return `status ${final.status}`;
  if (final.body !== one.body) return `body ${JSON.stringify(final.body.slice(0, 50))}`;
  if (final.extra !== '') return `more octets: ${JSON.stringify(final.extra.slice(0, 40))}`;
  const all = (name: string): string[] => final.fields.filter(([n]) => n === name).map(([, value]) => value);
  for (const name of one.absent ?? []) if (all(name).length > 0) return `${name} passed on`;
  for (const [name, allowed] of Object.entries(one.value ?? {})) {
    const [value, second] = all(name);
    if (value === undefined || second !== undefined || !allowed.includes(value))
      return `${name} is ${all(name).join(' | ')}`;
  }
  return '';
}

function whyNoBadGateway(one: ResponseCase, answered: Answered): string {
  const { final, closed, empty } = answered;
  const complete = isComplete(answered);
  if (final !== null && final.status >= 500 && final.status <= 599)
    return complete || closed ? '' : 'an error without an end';
  if (complete) return one.allowFinal === final!.body ? '' : `a complete ${final!.status}`;
  if (!closed) return 'left hanging';
  return empty || one.partial === true ? '' : 'began to pass it on';
}
