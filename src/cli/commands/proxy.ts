import { serve } from '../serve.js';
import { usageError } from '../usage-error.js';
import type { Given } from '../values.js';
import { expectWhere, readCommon } from './common.js';

/** `proxy <url…>` */
export async function proxy(urls: readonly string[], given: Given): Promise<number> {
  const common = readCommon(given, process.cwd());
  const { endpoints: known, pools } = common.options;
  if (urls.length === 0 && known === undefined && pools === undefined) {
    throw usageError('Say what to balance over, as in: multiserver proxy http://10.0.0.7:8080 -p 3000');
  }
  expectWhere(common.where, `${['proxy', ...urls].join(' ')} -p 3000`);
  const endpoints = urls.map(asUrl);
  return serve({
    ...common,
    target: urls.length === 1 ? endpoints[0]! : 'endpoint',
    workers: 0,
    watched: [],
    prepare: async (balancer) => endpoints.length > 0 && balancer.reconfigure({ endpoints }),
  });
}

/** `10.0.0.7:8080` and `localhost:8080` are meant as `http://…`; what finds endpoints has a scheme of its own. */
function asUrl(text: string): string {
  const url = /^[a-z+]+:\/\/|^(?:unix|file):/i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) throw usageError(`'${text}' is no URL of an endpoint, such as http://10.0.0.7:8080.`);
  return url;
}
