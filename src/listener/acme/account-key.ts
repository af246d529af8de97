import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** A request as it is sent: RFC 7515 §7.2.2. */
export interface SignedRequest {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** The key (P-256) that says who we are at an authority. */
export class AccountKey {
  readonly #key: KeyObject;
  /** Names in the order that RFC 7638 §3.2 wants. */
  readonly #jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };

  constructor(key: KeyObject) {
    const { crv = '', kty = '', x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
    this.#key = key;
    this.#jwk = { crv, kty, x, y };
  }

  /** What proves that whoever answers a challenge has this key (RFC 8555 §8.1). */
  authorize(token: string): string {
    return `${token}.${createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url')}`;
  }

  /** `payload` undefined: only to read (POST-as-GET). `account` empty: the authority does not know the key yet. */
  sign(url: string, nonce: string, account: string, payload: object | undefined): SignedRequest {
    const known = account === '' ? { jwk: this.#jwk } : { kid: account };
    const head = base64url(JSON.stringify({ alg: 'ES256', nonce, url, ...known }));
    const body = payload === undefined ? '' : base64url(JSON.stringify(payload));
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return { protected: head, payload: body, signature: signature.toString('base64url') };
  }
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
