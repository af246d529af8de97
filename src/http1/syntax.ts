/** Octet classes of RFC 9110 §5.6.2 and RFC 3986, as tables: one look-up an octet. Everything not named is 0: not allowed there. */

function table(allowed: (c: number) => number): Uint8Array {
  const t = new Uint8Array(256);
  for (let c = 0; c < 256; c++) t[c] = allowed(c);
  return t;
}

const isAlnum = (c: number) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
const among = (chars: string) => (c: number) => chars.includes(String.fromCharCode(c));

const otherTchar = among("!#$%&'*+.^_`|~");

/** tchar: 1 for letters, digits and `-`; 3 for those that CGI-like servers fold into `_`. */
export const TCHAR = table((c) => (isAlnum(c) || c === 45 ? 1 : otherTchar(c) ? 3 : 0));

/** field-vchar, SP, HTAB and obs-text (RFC 9110 §5.5). */
export const FIELD_VALUE = table((c) => (c === 9 || (c >= 32 && c !== 127) ? 1 : 0));

const uri = among("-._~:/?@!$&'()*+,;=%");

/** What browsers leave as it is in a path or query (WHATWG URL §1.3), though RFC 3986 would have it escaped: links depend on it. */
const left = among('[]\\^`{|}');

/** What a request target may hold: RFC 3986, and what browsers send; in a path see `hasValidPath`. */
export const TARGET = table((c) => (isAlnum(c) || uri(c) || left(c) ? 1 : 0));

/** HEXDIG: its value plus one. */
export const HEX = table((c) =>
  c >= 48 && c <= 57 ? c - 47 : c >= 65 && c <= 70 ? c - 54 : c >= 97 && c <= 102 ? c - 86 : 0,
);

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
