import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { LoadBalancer } from 'node-multiserver';
import { Authority, type Issued } from './authority.js';

const NAMES = 10_000;
/** All names have one of these; with more than 1 024 of them not all of their contexts are kept. */
const CERTIFICATES = process.env.MULTISERVER_LONG === undefined ? 50 : NAMES;
const EACH = NAMES / CERTIFICATES;

describe(`${NAMES} names on ${CERTIFICATES} certificates`, () => {
  let authority: Authority;
  const certificates: Issued[] = [];

  before(async () => {
    authority = await Authority.create();
    for (let i = 0; i < CERTIFICATES; i++) {
      const names = Array.from({ length: EACH }, (_, j) => `n${i}-${j}.example`);
      certificates.push(await authority.issue({ names: [`c${i}.example`, ...names, `*.w${i}.example`] }));
    }
  });

  test('each gets its own, whatever the case, and others get the default', async () => {
    const balancer = new LoadBalancer({ https: { certificates } });
    const problems: string[] = [];
    balancer.events.on('problem', (message) => problems.push(message));
    try {
      const [address] = await balancer.listen('127.0.0.1:0');
      assert.ok(address !== undefined && 'port' in address);
      const { port } = address;
      const shown = async (servername: string): Promise<unknown> => {
        const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        const { subject } = socket.getPeerCertificate();
        socket.destroy();
        return subject.CN;
      };
      const step = Math.ceil(CERTIFICATES / 50);
      for (let i = 0; i < CERTIFICATES; i += step) {
        assert.equal(await shown(`n${i}-${EACH - 1}.example`), `c${i}.example`);
        assert.equal(await shown(`N${i}-0.eXample`), `c${i}.example`);
        assert.equal(await shown(`any.w${i}.example`), `c${i}.example`);
      }
      assert.equal(await shown('n.example'), 'c0.example');
      assert.equal(await shown(`too.far.w1.example`), 'c0.example');
      balancer.reloadCertificates();
      assert.equal(await shown('c1.example'), 'c1.example');
      assert.deepEqual(problems, []);
    } finally {
      await balancer.close({ timeout: 0 });
    }
  });
});
