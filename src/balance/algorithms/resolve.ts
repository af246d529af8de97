import type {
  Algorithm,
  AlgorithmClass,
  AlgorithmFactory,
  AlgorithmLike,
  ReportProblem,
  Sources,
} from '../../contracts/algorithm.js';
import { OwnAlgorithm } from './own.js';

/** What the option `algorithm` may be, as an algorithm that never throws. */
export function resolveAlgorithm(
  like: AlgorithmLike,
  sources: Sources,
  report: ReportProblem,
  pool: string,
): Algorithm {
  if (isFactory(like)) return like.create(sources, report, pool);
  if (isClass(like)) return new OwnAlgorithm(new like(sources), report);
  if (typeof like === 'function') return new OwnAlgorithm({ name: like.name || 'own', pick: like }, report);
  return new OwnAlgorithm(like, report);
}

function isFactory(like: AlgorithmLike): like is AlgorithmFactory {
  return 'create' in like && typeof like.create === 'function' && 'algorithm' in like;
}

function isClass(like: AlgorithmLike): like is AlgorithmClass {
  return typeof like === 'function' && typeof (like.prototype as Algorithm | undefined)?.pick === 'function';
}
