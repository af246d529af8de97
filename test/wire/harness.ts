/** The harness of the wire tests: one import. */
export { pause } from './harness/peer.js';
export { head, response, type Call } from './harness/origin.js';
export { wire, type Stage } from './harness/stage.js';

import { head } from './harness/origin.js';

/** A GET as text; `fields` are whole lines. */
export const get = (target: string, ...fields: string[]): string =>
  head(`GET ${target} HTTP/1.1`, 'Host: a.example', ...fields);

/** A POST as text, with the length of its body. */
export const post = (target: string, body: string, ...fields: string[]): string =>
  head(
    `POST ${target} HTTP/1.1`,
    'Host: a.example',
    ...fields,
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
  ) + body;
