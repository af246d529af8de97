import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppFolder, ask, type Instance, running } from './instance.js';

const folder = new AppFolder();
after(() => folder.remove());

/** `change` has the workers started anew, after which the app answers `text`. */
async function restarts(instance: Instance, nth: number, change: () => void, text: string): Promise<void> {
  change();
  await instance.line('reloaded', nth);
  assert.equal((await ask(await instance.port())).text, text);
}

test('--watch starts the workers anew when sources change, and only then', async () => {
  const app = folder.write(
    'app/server.cjs',
    "require('http').createServer((_, res) => res.end(require('./lib/text.cjs'))).listen(0, '127.0.0.1')",
  );
  folder.write('app/lib/text.cjs', "module.exports = 'one'");
  folder.write('app/node_modules/some/index.js', '');
  const args = ['start', app, '-w', '1', '--listen', '127.0.0.1:0', '--watch'];
  await running(args, async (instance) => {
    await instance.port();
    for (const name of ['data.json', 'node_modules/some/index.js', '.cache/x.js', 'app.log'])
      folder.write(`app/${name}`, 'x');
    await sleep(500);
    assert.deepEqual(instance.lines('reload'), []);

    await restarts(instance, 1, () => folder.write('app/lib/text.cjs', "module.exports = 'two'"), 'two');
    assert.match(instance.lines('reload')[0]!.message, /text\.cjs has changed: replacing the workers/);

    // as editors save: a new file takes the name of the old one
    const three = folder.write('app/lib/text.cjs~', "module.exports = 'three'");
    await restarts(instance, 2, () => renameSync(three, `${folder.path}/app/lib/text.cjs`), 'three');

    // in a folder that was not there before
    folder.write('app/more/four.cjs', "module.exports = 'four'");
    await instance.line('reloaded', 3);
    await restarts(
      instance,
      4,
      () => folder.write('app/lib/text.cjs', "module.exports = require('../more/four.cjs')"),
      'four',
    );
    await restarts(instance, 5, () => folder.write('app/more/four.cjs', "module.exports = 'five'"), 'five');

    folder.write('app/server.cjs', 'const a = ;');
    await instance.line('reload-failed');
    assert.equal((await ask(await instance.port())).text, 'five');
  });
});
