import { test } from 'node:test';
import { expectTypeOf } from 'expect-type';
import {
  type Algorithm,
  type AlgorithmLike,
  type BalancerStatus,
  type BoundAddress,
  type Endpoint,
  type EndpointState,
  type EndpointView,
  type ErrorCode,
  type Exchange,
  LEAST_LATENCY,
  LeastConnections,
  LoadBalancer,
  type LoadBalancerOptions,
  type MultiserverError,
  type Outcome,
  type RequestView,
  ROUND_ROBIN,
  serviceUnavailable,
  type SpawnOptions,
  stickySession,
  type WorkerView,
} from 'node-multiserver';

// What the compiler checks is checked by the build; running the file shows that nothing of it fails at run time.

test('the options of a balancer are known by name, and durations and sizes by their form', () => {
  expectTypeOf(LoadBalancer).toBeConstructibleWith();
  expectTypeOf(LoadBalancer).toBeConstructibleWith({});
  expectTypeOf(LoadBalancer).toBeConstructibleWith({
    algorithm: LEAST_LATENCY,
    maxConcurrentConnections: 200,
    queue: { size: 'auto', timeout: '5s' },
    timeout: 5000,
    maxBodySize: '64KB',
    trustedProxies: ['loopback', '10.0.0.0/8'],
    retries: { max: 0 },
  });
  expectTypeOf<LoadBalancerOptions['timeout']>()
    .extract<string>()
    .toEqualTypeOf<`${number}ms` | `${number}s` | `${number}m` | `${number}h`>();
  // @ts-expect-error the option is spelled timeout
  expectTypeOf(LoadBalancer).toBeConstructibleWith({ timout: '5s' });
  // @ts-expect-error there is no such unit
  expectTypeOf(LoadBalancer).toBeConstructibleWith({ timeout: '5 minutes' });
  // @ts-expect-error a size has a unit of bytes
  expectTypeOf(LoadBalancer).toBeConstructibleWith({ maxHeadSize: '5s' });
  // @ts-expect-error names of algorithms are for the command line
  expectTypeOf(LoadBalancer).toBeConstructibleWith({ algorithm: 'round-robin' });
});

test('an option may be given as undefined, as a spread of optional values does', () => {
  expectTypeOf<{ timeout: undefined; queue: undefined }>().toExtend<LoadBalancerOptions>();
  expectTypeOf<{ count: undefined; cwd: undefined }>().toExtend<SpawnOptions>();
});

const byFunction: AlgorithmLike = (candidates, request) => {
  expectTypeOf(candidates).toEqualTypeOf<readonly EndpointView[]>();
  expectTypeOf(request).toEqualTypeOf<RequestView>();
  return candidates.find(({ inFlight }) => inFlight === 0);
};

test('an own algorithm is a function, an object or a class, whose arguments need no annotation', () => {
  const byObject: Algorithm = {
    name: 'mine',
    pick: (candidates) => candidates[0],
    onResult(endpoint, outcome) {
      expectTypeOf(endpoint).toEqualTypeOf<EndpointView>();
      expectTypeOf(outcome).toEqualTypeOf<Outcome>();
    },
  };
  class ByClass extends LeastConnections {
    override pick(candidates: readonly EndpointView[], request: RequestView): EndpointView | undefined {
      return super.pick(candidates, request);
    }
  }
  for (const algorithm of [byFunction, byObject, ByClass, ROUND_ROBIN, stickySession({ by: 'ip' })]) {
    expectTypeOf(algorithm).toExtend<AlgorithmLike>();
  }
  expectTypeOf<() => string>().not.toExtend<AlgorithmLike>();
  expectTypeOf<(candidates: readonly EndpointView[]) => Promise<EndpointView>>().not.toExtend<AlgorithmLike>();
});

test('own routes and middleware find the exchange and the client in c.env', async () => {
  const balancer = new LoadBalancer();
  balancer.get('/users/:id', (c) => {
    expectTypeOf(c.env.exchange).toEqualTypeOf<Exchange>();
    expectTypeOf(c.env.client.address).toBeString();
    expectTypeOf(c.env.client.encrypted).toBeBoolean();
    expectTypeOf(c.req.param('id')).toBeString();
    return c.text(c.req.param('id'));
  });
  balancer.use('*', async (c, next) => {
    expectTypeOf(c.env.exchange).toEqualTypeOf<Exchange>();
    await next();
    expectTypeOf(c.res).toEqualTypeOf<Response>();
  });
  balancer.fallback(serviceUnavailable());
  balancer.fallback((c, error) => {
    expectTypeOf(c.env.exchange).toEqualTypeOf<Exchange>();
    expectTypeOf(error).toEqualTypeOf<MultiserverError>();
    return c.text(error.code, 503);
  });
  await balancer.close();
});

test('events are known by name, with what their listeners get', async () => {
  const balancer = new LoadBalancer();
  balancer.events.on('boot', (addresses) => expectTypeOf(addresses).toEqualTypeOf<readonly BoundAddress[]>());
  balancer.events.on('eject', (endpoint, { reason }) => {
    expectTypeOf(endpoint).toEqualTypeOf<Endpoint>();
    expectTypeOf(reason).toBeString();
  });
  balancer.events.on('change', (_endpoint, { from, to }) => expectTypeOf([from, to]).toEqualTypeOf<EndpointState[]>());
  balancer.events.on('crash', (worker, { code, signal, stderr }) => {
    expectTypeOf(worker).toEqualTypeOf<WorkerView>();
    expectTypeOf(code).toEqualTypeOf<number | null>();
    expectTypeOf(signal).toEqualTypeOf<string | null>();
    expectTypeOf(stderr).toBeString();
  });
  // @ts-expect-error there is no such event
  balancer.events.on('crashed', () => {});
  await balancer.close();
});

test('what the methods of a balancer give is known', () => {
  expectTypeOf<LoadBalancer['spawn']>().returns.resolves.toEqualTypeOf<Endpoint[]>();
  expectTypeOf<LoadBalancer['reload']>().returns.resolves.toEqualTypeOf<Endpoint[]>();
  expectTypeOf<LoadBalancer['listen']>().returns.resolves.toEqualTypeOf<BoundAddress[]>();
  expectTypeOf<LoadBalancer['close']>().returns.resolves.toBeVoid();
  expectTypeOf<LoadBalancer['status']>().returns.toEqualTypeOf<BalancerStatus>();
  expectTypeOf<LoadBalancer['spawn']>().toBeCallableWith('./app.js', { count: 4, startTimeout: '10s' });
  expectTypeOf<LoadBalancer['spawn']>().toBeCallableWith(['python3', 'app.py'], { count: 'auto' });
  expectTypeOf<LoadBalancer['listen']>().toBeCallableWith(3000, '127.0.0.1:3001', { path: '/run/app.sock' });
  expectTypeOf<MultiserverError['code']>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<'MS_TIMEOUT'>().toExtend<ErrorCode>();
});
