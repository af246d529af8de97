import assert from 'node:assert/strict';
import { Body } from './body.js';
import { Malformed, readHead, responseFraming, statusOf, type Head } from './message.js';
import { Peer } from './peer.js';
import { show } from './transcript.js';

/** A response as the client read it. */
export interface Response {
  readonly status: number;
  readonly head: Head;
  readonly body: Body;
  /** Interim responses that came before it. */
  readonly interim: readonly Head[];
}

/** The client of a test: a raw connection to the balancer. */
export class Client extends Peer {
  /** The next interim response. */
  async interim(status: number): Promise<Head> {
    const head = await this.#head(`a ${status}`);
    assert.equal(statusOf(head), status, 'status of the interim response');
    return head;
  }

  /** The head of the next final response; its body is then read by {@link rest}. */
  async head(method = 'GET'): Promise<Response> {
    const interim: Head[] = [];
    for (;;) {
      const head = await this.#head('a response head');
      const status = statusOf(head);
      if (status >= 200 || status === 101) {
        return { status, head, body: new Body(status === 101 ? 'none' : responseFraming(head, method)), interim };
      }
      responseFraming(head, method);
      interim.push(head);
    }
  }

  /** The whole of the next final response, which must come to a clean end. `method`: what it answers. */
  async response(status?: number, text?: string, method = 'GET'): Promise<Response> {
    const response = await this.rest(await this.head(method));
    if (status !== undefined && response.status !== status)
      assert.fail(`status ${response.status}, not ${status}; the body is ${show(response.body.text)}`);
    if (text !== undefined) assert.equal(response.body.text, text, 'body of the response');
    return response;
  }

  /** Reads the body to its end. */
  async rest(response: Response): Promise<Response> {
    await this.until('the end of the body', () => {
      this.#feed(response.body);
      if (response.body.done) return true;
      if (response.body.framing === 'close' && this.ended) return true;
      if (this.ended || this.gone)
        throw this.unmet(`the body's end (${response.body.size} bytes came)`, 'the end of the connection');
      return undefined;
    });
    return response;
  }

  /** The body's next bytes, at least `size` in all. */
  async bodyOf(response: Response, size: number): Promise<void> {
    await this.until(`${size} bytes of body`, () => {
      this.#feed(response.body);
      if (response.body.size >= size) return true;
      if (this.ended || this.gone) throw this.unmet(`${size} bytes of body`, `${response.body.size} and the end`);
      return undefined;
    });
  }

  /** The body must end visibly cut: by a close before its length or last chunk came, or by a reset. */
  async expectCut(response: Response): Promise<void> {
    await this.until('the body to be cut', () => {
      this.#feed(response.body);
      if (response.body.done) throw this.unmet('a cut body', 'its clean end');
      return this.ended || this.gone || undefined;
    });
    if (response.body.framing === 'close' && this.error === null)
      throw this.unmet('a reset, as only that tells a cut', 'a clean end');
  }

  #feed(body: Body): void {
    this.input = this.input.subarray(body.feed(this.input));
  }

  async #head(what: string): Promise<Head> {
    return this.until(what, () => {
      const read = readHead(this.input);
      if (read !== undefined) {
        this.input = this.input.subarray(read.used);
        return read.head;
      }
      if (this.input.length > 0 && !'HTTP/1.1 '.startsWith(this.input.toString('latin1', 0, 9)))
        throw new Malformed(this.unmet(what, 'junk').message);
      if (this.ended || this.gone) throw this.unmet(what, 'the end');
      return undefined;
    });
  }
}
