import type { RequestView } from './contracts/algorithm.js';
import type { MultiserverError } from './errors.js';

/** How a body's end is told. One place decides it for requests and one for responses: `http1/framing.ts`. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
/** Until the connection closes (responses only). */
export const BODY_CLOSE = 3;
/** After a 101: bytes both ways until either side closes. */
export const BODY_TUNNEL = 4;

/**
 * Header fields as they came: `pairs[2·i]` is a name (case as received), `pairs[2·i+1]` its value; `kinds[i]` says which known field it
 * is (`http1/fields.ts`; 0: unknown). No objects: order and repetition matter, and nothing is looked up twice.
 */
export interface Head {
  readonly pairs: readonly string[];
  readonly kinds: readonly number[];
  /** Lower-case names that the message's Connection field lists and that are therefore not passed on (RFC 9110 §7.6.1); null: none. */
  readonly listed: readonly string[] | null;
  /** Not null: these fields came before, over the same client connection or from the same endpoint, and pairs and kinds are shared by all of them. */
  readonly memo: HeadMemo | null;
}

/** What was made of fields that come again, for the next time. */
export interface HeadMemo {
  /** An answer's lines as clients get them; `dated`: Date is among them. */
  response: { readonly lines: string; readonly dated: boolean } | null;
  /** A request's lines as endpoints get them, to which all but `trailers` and `lines` has contributed, and nothing else but the fields. */
  request: {
    readonly client: ClientInfo;
    readonly forwarded: boolean;
    readonly allowUnderscores: boolean;
    readonly authority: string;
    readonly host: string;
    readonly minor: number;
    readonly trailers: boolean;
    readonly lines: string;
  } | null;
}

/** Takes a request's body and learns how the client fares. Set by {@link Exchange.receive}. */
export interface RequestSink {
  /** A piece of the body, valid only during the call: write it or copy it. False: pause until {@link Exchange.resume}. */
  onRequestData(chunk: Buffer): boolean;
  onRequestEnd(trailers: Head | null): void;
  /** The client is gone or broke the rules while its request was in progress; nothing more comes or can be sent. */
  onClientGone(error: MultiserverError): void;
  /** What was sent has left: {@link Reply.sendData} had returned false. */
  onReplyDrain(): void;
}

/** Where an answer goes: the client itself, or a station in between (own middleware, later the cache). */
export interface Reply {
  /** 1xx other than 101. */
  sendInterim(status: number, head: Head): void;
  /**
   * The final head. Hop-by-hop fields of `head` (by kind, and those in `listed`) are not passed on. `body` is BODY_NONE, BODY_LENGTH (then `length` counts) or BODY_CHUNKED for a
   * length that is not known; BODY_TUNNEL with status 101. Fields `Content-Length` and `Transfer-Encoding` in `head` are ignored:
   * the framing is written anew. For HEAD and 304 `length` ≥ 0 with BODY_NONE is told to the client.
   */
  sendHead(status: number, reason: string, head: Head, body: number, length: number): void;
  /** A piece of the body, taken over or copied before it returns. False: stop until {@link RequestSink.onReplyDrain}. */
  sendData(chunk: Buffer): boolean;
  /** The whole body was sent. */
  sendEnd(trailers: Head | null): void;
  /** The answer cannot be completed: an error answer if its head has not left, else a visible cut. */
  fail(error: MultiserverError): void;
}

/** What is known of the client's end of the connection. */
export interface ClientInfo {
  /** Never a mapped one (`::ffff:192.0.2.1`); empty on a Unix socket. */
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly encrypted: boolean;
}

/** What trusted proxies in front said about the request, checked; set by the phase `trust`. */
export interface Forwarded {
  /** Addresses from the client to the last proxy before the one that is connected. */
  readonly chain: readonly string[];
  readonly proto: 'http' | 'https';
  /** Host the client asked for, with its port if it named one. */
  readonly host: string;
  readonly port: string;
}

/**
 * One request/response pair: what every station sees, whatever the HTTP version. The HTTP fronts subclass it.
 */
export abstract class Exchange implements Reply, RequestView {
  method = '';
  target = '';
  /** Host and port asked for; of an absolute target, that one's. Empty when an HTTP/1.0 client sent none. */
  authority = '';
  /** Minor version of HTTP/1.x; 1 for HTTP/2. */
  minor = 1;
  head: Head;
  /** BODY_NONE, BODY_LENGTH or BODY_CHUNKED. */
  body = BODY_NONE;
  length = 0;
  /** The client asks for a WebSocket (RFC 6455 handshake, checked). */
  upgrade = false;
  /** The client waits for 100 (Continue) before it sends the body. */
  expectsContinue = false;
  readonly client: ClientInfo;
  /** The address that counts: the client's own, or what a trusted proxy said. Set by the phase `trust`. */
  clientAddress: string;
  /** Null: nobody in front is trusted; scheme, host and port are those of this connection. */
  forwarded: Forwarded | null = null;
  /** Milliseconds on the balancer's clock: the head was complete. */
  readonly startedAt: number;
  /** The request's id, given at first use. */
  requestId = '';
  /** Fields that the answer gets whoever gives it, in place of its own of the same name: name, value, name, value… */
  replyFields: string[] | null = null;
  /** Status sent to the client; 0 before the head. */
  status = 0;
  /** Why the exchange ended early, for the log. */
  error: MultiserverError | null = null;

  constructor(client: ClientInfo, head: Head, startedAt: number) {
    this.client = client;
    this.clientAddress = client.address;
    this.head = head;
    this.startedAt = startedAt;
  }

  /** `sink` hears of the client from now on (gone, drained), but takes no body yet. */
  abstract watch(sink: RequestSink): void;
  /** `sink` takes the body from now on, and hears of the client. May be called again by a retry. */
  abstract receive(sink: RequestSink): void;
  /** Goes on with the body after `onRequestData` returned false. */
  abstract resume(): void;
  /** The client may be told to send the body (100 Continue); nothing is sent when it did not ask or has begun. */
  abstract continue(): void;

  /** A body of more octets is refused with 413, also when it is on its way already. */
  abstract limitBody(size: number): void;

  abstract sendInterim(status: number, head: Head): void;
  abstract sendHead(status: number, reason: string, head: Head, body: number, length: number): void;
  abstract sendData(chunk: Buffer): boolean;
  abstract sendEnd(trailers: Head | null): void;
  abstract fail(error: MultiserverError): void;

  /** One of at least an octet, or of a length that is not known yet. */
  get hasBody(): boolean {
    return this.body !== BODY_NONE && !(this.body === BODY_LENGTH && this.length === 0);
  }

  get secure(): boolean {
    return this.forwarded === null ? this.client.encrypted : this.forwarded.proto === 'https';
  }

  header(name: string): string | undefined {
    const { pairs } = this.head;
    const wanted = name.toLowerCase();
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i]!.length === wanted.length && pairs[i]!.toLowerCase() === wanted) return pairs[i + 1];
    }
    return undefined;
  }
}
