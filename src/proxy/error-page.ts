import type { ErrorInfo, ErrorPage, Page } from '../option-types.js';
import { Seldom } from '../util/seldom.js';

/** A page that fails does so with each error, ms. */
const PAUSE = 60_000;
/** What may stand in a field (RFC 9110 §5.5), and in an answer of ours is plain. */
const CONTENT_TYPE = /^[\x20-\x7e]+$/;

/** The user's page, whichever it is at the moment; where that fails the built-in one is sent, and it is told. */
export function createErrorPage(
  current: () => ErrorPage | undefined,
  now: () => number,
  onProblem: (message: string, error?: unknown) => void,
): ErrorPage {
  const seldom = new Seldom(PAUSE, now);
  const tell = (fault: string, info: ErrorInfo, error?: unknown): void => {
    if (seldom.isDue(info.code)) onProblem(`errorPage ${fault} for ${info.code}; the built-in page is sent.`, error);
  };
  return (info) => {
    try {
      const made: unknown = current()?.(info);
      if (made === undefined || isPage(made)) return made;
      // Nobody waits for it, but its rejection would end the process.
      if (made instanceof Promise) made.catch(() => {});
      tell('gave no { contentType, body } of two texts, nor undefined,', info);
    } catch (error) {
      tell('threw an error', info, error);
    }
    return undefined;
  };
}

function isPage(made: unknown): made is Page {
  if (typeof made !== 'object' || made === null) return false;
  const { contentType, body } = made as Partial<Page>;
  return typeof contentType === 'string' && CONTENT_TYPE.test(contentType) && typeof body === 'string';
}
