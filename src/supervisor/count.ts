import { MultiserverError } from '../errors.js';

const MOST = 1024;

/** A number of workers as it is asked for: `4`, `'4'`, or by how much it shall change: `'+2'`, `'-1'`. At least 1, at most 1024. */
export function parseCount(asked: number | string, current: number): number {
  const [, sign, digits] = /^([+-]?)(\d{1,4})$/.exec(String(asked)) ?? [];
  const given = Number(digits);
  const count = sign === '+' ? current + given : sign === '-' ? current - given : given;
  if (digits === undefined || count < 1 || count > MOST) {
    throw new MultiserverError(
      'MS_INVALID_OPTION',
      `The number of workers must come to 1 to ${MOST}: give it ("4"), or by how much it shall change ("+2", "-1"); there are ${current} now, and "${asked}" was given.`,
    );
  }
  return count;
}
