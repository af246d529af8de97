import type { AccountKey } from './account-key.js';
import { acmeFailure, describeProblem, type Problem } from './failure.js';
import type { AcmeReply, Transport } from './transport.js';

/** RFC 8555 §7.1.1 */
interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
}

/** An answer with an object in it: of an order, an authorization … */
export interface AcmeObject<T> {
  readonly body: T;
  /** Where it is to be found from now on. */
  readonly location: string;
  /** Seconds to wait before it is asked for again; 0: the authority does not say. */
  readonly retryAfter: number;
}

/** Nonces that may be refused in a row: authorities refuse some at random, so that clients know what to do then. */
const MOST_NONCES = 40;
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

/** A certificate authority that speaks ACME (RFC 8555), as one account sees it. */
export class Authority {
  readonly #url: string;
  readonly #key: AccountKey;
  readonly #transport: Transport;
  #directory: Directory | undefined;
  #account = '';
  #nonce: string | undefined;

  /** `url`: of the directory. */
  constructor(url: string, key: AccountKey, transport: Transport) {
    this.#url = url;
    this.#key = key;
    this.#transport = transport;
  }

  /** Finds the account of the key, or makes it (§7.3). */
  async signIn(email: string | undefined): Promise<void> {
    const { newAccount } = await this.#find();
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    const { location } = await this.post<object>(newAccount, { termsOfServiceAgreed: true, ...contact });
    if (location === '') throw acmeFailure('the authority gave no account');
    this.#account = location;
  }

  async order<T>(name: string): Promise<AcmeObject<T>> {
    const { newOrder } = await this.#find();
    return this.post<T>(newOrder, { identifiers: [{ type: 'dns', value: name }] });
  }

  /** Without `payload`: what it is now. */
  async post<T>(url: string, payload?: object): Promise<AcmeObject<T>> {
    const reply = await this.#post(url, payload);
    const { location = '' } = reply.headers;
    return { body: parse(reply) as T, location, retryAfter: retryAfterOf(reply) };
  }

  /** Of what is no JSON. */
  async download(url: string): Promise<string> {
    return (await this.#post(url, undefined)).text;
  }

  async #post(url: string, payload: object | undefined): Promise<AcmeReply> {
    for (let refused = 0; ; refused++) {
      const nonce = this.#nonce ?? (await this.#newNonce());
      const signed = this.#key.sign(url, nonce, this.#account, payload);
      const reply = await this.#transport.send('POST', url, JSON.stringify(signed));
      // §6.5: every answer brings the next, an error too.
      this.#nonce = nonceOf(reply);
      if (reply.status < 400) return reply;
      const problem = problemOf(reply);
      if (problem?.type === BAD_NONCE && refused < MOST_NONCES) continue;
      throw refusal(reply, problem);
    }
  }

  async #newNonce(): Promise<string> {
    const { newNonce } = await this.#find();
    const reply = await this.#transport.send('HEAD', newNonce);
    const nonce = nonceOf(reply);
    if (nonce === undefined) throw refusal(reply, undefined);
    return nonce;
  }

  async #find(): Promise<Directory> {
    if (this.#directory !== undefined) return this.#directory;
    const reply = await this.#transport.send('GET', this.#url);
    if (reply.status >= 400) throw refusal(reply, problemOf(reply));
    const directory = parse(reply) as Partial<Directory>;
    const { newNonce, newAccount, newOrder } = directory;
    if (![newNonce, newAccount, newOrder].every((url) => typeof url === 'string'))
      throw acmeFailure(`${this.#url} is no directory of an ACME authority`);
    return (this.#directory = directory as Directory);
  }
}

function refusal(reply: AcmeReply, problem: Problem | undefined): Error {
  const why = problem === undefined ? `status ${reply.status}` : describeProblem(problem);
  return acmeFailure(`the authority refused: ${why}`, undefined, retryAfterOf(reply));
}

function nonceOf({ headers }: AcmeReply): string | undefined {
  const nonce = headers['replay-nonce'];
  return typeof nonce === 'string' ? nonce : undefined;
}

function retryAfterOf({ headers }: AcmeReply): number {
  const { 'retry-after': value = '' } = headers;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return seconds > 0 ? Math.ceil(seconds) : 0;
}

/** Always an object. */
function parse({ text }: AcmeReply): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // as any other answer that is none
  }
  throw acmeFailure('the authority sent an answer that cannot be understood');
}

function problemOf(reply: AcmeReply): Problem | undefined {
  try {
    return parse(reply);
  } catch {
    return undefined; // a proxy on the way, not the authority
  }
}
