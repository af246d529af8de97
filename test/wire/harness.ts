/** The harness of the wire tests: one import. */
export { pause } from './harness/peer.js';
export { head, response, type Call } from './harness/origin.js';
export { kernelBuffer } from './harness/sockets.js';
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

/** A WebSocket handshake as text (the key of RFC 6455 §1.3), and the answer to it. */
export const handshake = (path: string, ...fields: string[]): string =>
  get(
    path,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...fields,
  );
export const switching = head(
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
);
