import assert from 'node:assert/strict';
import { Hono } from 'hono';
import type { MultiserverError } from '../errors.js';
import { BODY_LENGTH, type Exchange, type Reply, type RequestSink } from '../exchange.js';
import { headOf } from '../http1/fields.js';
import type { Bindings } from './bindings.js';
import { FakeExchange, type FakeInit } from './exchange.test.fake.js';
import { OwnRoutes } from './own-routes.js';

/** Plays the way to the endpoint: what it was asked, and what is answered. */
export class FakeEndpoint implements RequestSink {
  exchange!: Exchange;
  reply!: Reply;
  readonly body: Buffer[] = [];
  bodyEnded = false;
  gone: MultiserverError | null = null;
  drains = 0;
  requests = 0;
  onRequest: (endpoint: FakeEndpoint) => void = (endpoint) => endpoint.answer('balanced');

  balance = (exchange: Exchange, reply: Reply): void => {
    this.requests++;
    this.exchange = exchange;
    this.reply = reply;
    exchange.watch(this);
    this.onRequest(this);
  };

  answer(text: string, fields: string[] = [], status = 200): void {
    this.reply.sendHead(status, status === 200 ? 'OK' : '', headOf(fields), BODY_LENGTH, Buffer.byteLength(text));
    this.reply.sendData(Buffer.from(text));
    this.reply.sendEnd(null);
  }

  /** Answers when it has the whole body of the request. */
  echo(): void {
    this.exchange.continue();
    this.exchange.receive(this);
  }

  onRequestData(chunk: Buffer): boolean {
    this.body.push(Buffer.from(chunk));
    return true;
  }

  onRequestEnd(): void {
    this.bodyEnded = true;
    this.answer(Buffer.concat(this.body).toString());
  }

  onClientGone(error: MultiserverError): void {
    this.gone = error;
  }

  onReplyDrain(): void {
    this.drains++;
  }
}
/** A balancer's routes between a client and an endpoint that are both played. */
export class RouteStage {
  readonly app = new Hono<{ Bindings: Bindings }>();
  readonly endpoint = new FakeEndpoint();
  readonly routes = new OwnRoutes(this.app as unknown as Hono, this.endpoint.balance);

  visit(init: FakeInit | FakeExchange): FakeExchange {
    const exchange = init instanceof FakeExchange ? init : new FakeExchange(init);
    assert.equal(this.routes.handle(exchange), true, 'an own route matches');
    return exchange;
  }

  /** The answer, complete or failed. */
  async ask(init: FakeInit): Promise<FakeExchange> {
    const exchange = this.visit(init);
    await until(() => exchange.ended || exchange.failed !== null);
    return exchange;
  }

  passesBy(target: string, method = 'GET'): boolean {
    return !this.routes.handle(new FakeExchange({ target, method }));
  }
}

/** Bounded: a test that waits in vain fails by its own assertion. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
}
