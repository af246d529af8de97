import { BODY_CLOSE, BODY_LENGTH, BODY_NONE, BODY_TUNNEL, type Exchange } from '../exchange.js';
import { BodyDecoder } from './body-decoder.js';
import { Framing, frameResponse } from './framing.js';
import { FAILED, type HeadLimits, HeadParser, NEED_MORE, REQUEST, RESPONSE } from './head-parser.js';
import type { RepeatedHeads } from './repeated-fields.js';
import { readRequestHead } from './request-head.js';

export interface Message {
  /** Method, target and minor version, or minor version, status and reason. */
  readonly start: string;
  readonly fields: readonly string[];
  body: string;
  trailers: readonly string[];
  /** It came to its end. */
  whole: boolean;
}

/** What somebody made of the octets of a connection. */
export interface Reading {
  readonly messages: Message[];
  /** Why nothing more is read: an error's code, or that the connection closes; empty: more may come. */
  end: string;
}

export const LIMITS: HeadLimits = { maxHeadSize: 16_384, maxFields: 100, maxTargetSize: 8192 };
/** So that inputs of a test reach them. */
export const NARROW: HeadLimits = { maxHeadSize: 120, maxFields: 4, maxTargetSize: 20 };

/** The requests as our parser reads them from pieces that come one after the other. */
export function readRequests(pieces: readonly Buffer[], limits = LIMITS, repeated?: RepeatedHeads): Reading {
  const framing = new Framing();
  return read(pieces, new HeadParser(REQUEST, limits, repeated), limits, (parser) => {
    const exchange = { client: { encrypted: false } } as Exchange;
    const error = readRequestHead(parser, framing, exchange);
    if (error !== '') return error;
    const start = `${parser.method} ${parser.target} 1.${parser.minor}`;
    return { start, body: framing.body, length: framing.length, keepAlive: framing.keepAlive };
  });
}

/** The responses to GET requests, one of which may have asked for a WebSocket. */
export function readResponses(
  pieces: readonly Buffer[],
  limits = LIMITS,
  method = 'GET',
  repeated?: RepeatedHeads,
): Reading {
  const framing = new Framing();
  const parser = new HeadParser(RESPONSE, limits, repeated);
  return read(pieces, parser, limits, ({ pairs, kinds, minor, status, reason }) => {
    frameResponse(framing, pairs, kinds, minor, status, method, true);
    if (framing.error !== '') return framing.error;
    const { body, length } = framing;
    const keepAlive = framing.keepAlive || status < 200;
    return { start: `1.${minor} ${status} ${reason}`, body, length, keepAlive };
  });
}

const OTHER = Buffer.from(
  `GET / HTTP/1.1\r\n${['Content-Length', 'Host', 'X', 'Transfer-Encoding', 'Cookie'].map((name) => `${name}: ${name}\r\n`).join('')}\r\n`,
);

/** Between two pieces of a connection others are read, and what parsers share has other contents then. */
function readAnother(): void {
  new HeadParser(REQUEST, LIMITS).parse(OTHER, 0, OTHER.length);
}

interface Read {
  readonly start: string;
  readonly body: number;
  readonly length: number;
  readonly keepAlive: boolean;
}

function read(
  pieces: readonly Buffer[],
  parser: HeadParser,
  limits: HeadLimits,
  readHead: (parser: HeadParser) => Read | string,
): Reading {
  const reading: Reading = { messages: [], end: '' };
  const decoder = new BodyDecoder(limits);
  let message: Message | null = null;
  let last = false;
  const ended = (): void => {
    message!.whole = true;
    message = null;
    if (last) reading.end = 'close';
  };
  const takeHead = (buf: Buffer, at: number): number => {
    const position = parser.parse(buf, at, buf.length);
    if (position === NEED_MORE) return buf.length;
    if (position === FAILED) {
      reading.end = parser.error;
      return buf.length;
    }
    parser.reset();
    // As they came: the authority of an absolute target takes the place of Host.
    const fields = [...parser.pairs];
    const head = readHead(parser);
    if (typeof head === 'string') {
      reading.end = head;
      return buf.length;
    }
    const { start, body, length } = head;
    message = { start, fields, body: '', trailers: [], whole: false };
    reading.messages.push(message);
    last = !head.keepAlive;
    decoder.begin(body, body === BODY_CLOSE || body === BODY_TUNNEL ? Infinity : length);
    if (body === BODY_NONE || (body === BODY_LENGTH && length === 0)) ended();
    return position;
  };
  const takeBody = (buf: Buffer, at: number): number => {
    const position = decoder.decode(buf, at, buf.length);
    message!.body += buf.toString('latin1', decoder.dataStart, decoder.dataEnd);
    reading.end = decoder.error;
    if (decoder.done) {
      message!.trailers = decoder.trailers?.pairs ?? [];
      ended();
    }
    return position;
  };
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) readAnother();
    // The decoder may change what it is given.
    const buf = Buffer.from(piece);
    for (let at = 0; at < buf.length && reading.end === '';)
      at = message === null ? takeHead(buf, at) : takeBody(buf, at);
  }
  // Here the connection ends, and with it a body that has no other end.
  if (message !== null && decoder.endless) (message as Message).whole = true;
  return reading;
}
