import type { Dice } from './dice.test.fake.js';

const TOKEN = "abcXYZ09-!#$%&'*+.^_`|~";
const VALUE = 'abc XYZ09\t,;="\\/:\x80\xe9\xff';
const TARGET = "abc09/?%41-._~:[]@!$&'()*+,;=";
const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'M-SEARCH', 'TRACE'];
const TARGETS = [
  '/',
  '/a/b?c=d',
  '/%7e/..//x',
  '*',
  'http://a.example/x',
  'http://[::1]:80',
  'HTTP://a.example?q',
  '/?#',
];
const HOSTS = ['a.example', 'a.example:80', '[::1]', '[::1]:8080', '127.0.0.1', "a-b.c_d~!$&'()*+;=", 'a.example:', ''];
const CONNECTIONS = ['close', 'keep-alive', 'Keep-Alive, TE', 'upgrade', 'X-A, close', ' , X-B', 'CLOSE', 'host'];
const NAMES = [
  'X-A',
  'x-b',
  'Accept',
  'Cookie',
  'Via',
  'Upgrade',
  'TE',
  'Expect',
  'Keep-Alive',
  'Date',
  'X_Y',
  'Trailer',
];
const CODINGS = [
  'chunked',
  'Chunked',
  ' chunked ',
  ',chunked',
  'chunked,',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
];
const LENGTHS = ['0', '3', '03', '+3', '3,3', '3 ', '18446744073709551618', '0x3', ''];
const REASONS = ['OK', '', 'Not  found', 'caf\xe9', '\t'];
const STATUSES = [200, 200, 200, 204, 206, 301, 304, 404, 500, 599, 100, 103, 101, 99, 600];

export function request(dice: Dice): string {
  const version = dice.once(8) ? '1.0' : dice.once(40) ? dice.pick(['1.2', '2.0', '0.9', '1.']) : '1.1';
  const method = dice.once(30) ? dice.text(TOKEN, 12) : dice.pick(METHODS);
  const target = dice.once(3) ? dice.pick(TARGETS) : `/${dice.text(TARGET, 20)}`;
  const host = dice.once(20) ? '' : line(dice, 'Host', dice.once(4) ? dice.pick(HOSTS) : 'a.example');
  return `${method} ${target} HTTP/${version}\r\n${host}${fields(dice)}${body(dice)}`;
}

export function response(dice: Dice): string {
  const status = dice.pick(STATUSES);
  const phrase = dice.once(20) ? '' : ` ${dice.pick(REASONS)}`;
  return `HTTP/1.${dice.once(8) ? 0 : 1} ${status}${phrase}\r\n${fields(dice)}${body(dice)}`;
}

function fields(dice: Dice): string {
  let lines = '';
  for (let n = dice.below(4); n > 0; n--) {
    if (dice.once(5)) lines += line(dice, 'Connection', dice.pick(CONNECTIONS));
    else lines += line(dice, dice.once(6) ? `x${dice.text(TOKEN, 9)}` : dice.pick(NAMES), value(dice));
  }
  return lines;
}

function line(dice: Dice, name: string, content: string): string {
  const written = dice.once(6) ? name.toUpperCase() : dice.once(6) ? name.toLowerCase() : name;
  return `${written}:${dice.pick(['', ' ', ' ', ' ', '\t ', '  '])}${content}${dice.once(40) ? '\t' : dice.once(6) ? ' ' : ''}\r\n`;
}

const value = (dice: Dice): string =>
  dice.once(8) ? dice.pick(['websocket', 'trailers', '100-continue', 'timeout=5']) : dice.text(VALUE, 16).trim();

/** The field lines that frame it, the empty line, and the body. */
function body(dice: Dice): string {
  switch (dice.below(5)) {
    case 0: {
      const content = dice.text(`${VALUE}\r\n0`, 40);
      return `${line(dice, 'Content-Length', String(content.length))}\r\n${content}`;
    }
    case 1:
      return `${line(dice, 'Transfer-Encoding', 'chunked')}\r\n${chunks(dice)}`;
    case 2:
      if (!dice.once(4)) return '\r\n';
      return `${line(dice, 'Transfer-Encoding', dice.pick(CODINGS))}${dice.once(3) ? line(dice, 'Content-Length', '3') : ''}\r\n${chunks(dice)}`;
    case 3:
      return dice.once(4) ? `${line(dice, 'Content-Length', dice.pick(LENGTHS))}\r\nabc` : '\r\n';
    default:
      return '\r\n';
  }
}

export function chunks(dice: Dice): string {
  let text = '';
  for (let n = dice.below(4); n > 0; n--) {
    const content = dice.text(`${VALUE}\r\n0`, 40) || 'x';
    const size = content.length.toString(16);
    text += `${dice.pick(['', '', '', '0', '000'])}${dice.once(3) ? size.toUpperCase() : size}${extension(dice)}\r\n${content}\r\n`;
  }
  text += `0${extension(dice)}\r\n`;
  for (let n = dice.once(3) ? dice.below(3) : 0; n > 0; n--)
    text += line(dice, dice.pick(['X-Sum', 'Host', 'Content-Length', 'x-b']), value(dice));
  return `${text}\r\n`;
}

const extension = (dice: Dice): string =>
  dice.once(6)
    ? dice.pick([';a', ';a=b', ';a="b\\"c"', ';a=b;c'])
    : dice.once(40)
      ? dice.pick([' ;a', ';a =b', ';', ' '])
      : '';

/** What makes one message look like two, or two like one. */
const PIECES = [
  '\r', '\n', '\r\n', '\r\n\r\n', '\0', ' ', '\t', ':', ',', ';', '0', '0\r\n\r\n', 'chunked', ' : ', '\x7f', '\x80', '\x0b', '"',
  'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b.example\r\n', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', '\r\n ', 'HTTP/1.1',
]; // prettier-ignore

/** Changes a few places. */
export function mutate(dice: Dice, text: string): string {
  for (let n = dice.below(4); n > 0; n--) {
    const at = dice.below(text.length + 1);
    const to = Math.min(text.length, at + dice.below(dice.once(4) ? 30 : 3));
    switch (dice.below(4)) {
      case 0:
        text = text.slice(0, at) + dice.pick(PIECES) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(to);
        break;
      case 2:
        text = text.slice(0, to) + text.slice(at);
        break;
      default:
        text = text.slice(0, at) + String.fromCharCode(dice.below(256)) + text.slice(at + 1);
    }
  }
  return text;
}

/** The same octets cut somewhere. */
export function split(dice: Dice, octets: Buffer): Buffer[] {
  if (dice.once(10)) return Array.from(octets, (_, i) => octets.subarray(i, i + 1));
  const cuts = Array.from({ length: 1 + dice.below(4) }, () => dice.below(octets.length + 1)).toSorted((a, b) => a - b);
  return [0, ...cuts]
    .map((from, i) => octets.subarray(from, cuts[i] ?? octets.length))
    .filter((piece) => piece.length > 0);
}
