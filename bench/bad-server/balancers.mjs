// Who is compared, each as its handbook says for servers that may fail: `command(port, servers, folder)`.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { has, write } from '../load/processes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const ours = (name, ...flags) => ({
  name: `multiserver ${name}`,
  ours: true,
  missing: () => (existsSync(CLI) ? '' : 'npm run build'),
  command: (port, servers) => {
    const urls = servers.map((server) => `http://127.0.0.1:${server}`);
    const listen = ['--listen', `127.0.0.1:${port}`, '--name', `bad-${process.pid}-${port}`, '--quiet'];
    return [process.execPath, CLI, 'proxy', ...urls, ...listen, ...flags];
  },
});

/** All give a server a second for its answer, and may ask another one after that. */
const SECOND = ['--response-timeout', '1s', '--retries-statuses', '504'];

export const BALANCERS = [
  ours('round-robin', '-a', 'round-robin', ...SECOND),
  ours('least-connections', '-a', 'least-connections', ...SECOND),
  ours('least-latency', '-a', 'least-latency', ...SECOND),
  {
    name: 'nginx least_conn',
    ours: false,
    missing: () => (has('nginx') ? '' : 'apt-get install nginx'),
    command: (port, servers, folder) => [
      'nginx',
      '-p',
      folder,
      '-c',
      write(folder, `nginx-${port}.conf`, nginx(port, servers, folder)),
    ],
  },
  {
    name: 'HAProxy leastconn',
    ours: false,
    missing: () => (has('haproxy') ? '' : 'apt-get install haproxy'),
    command: (port, servers, folder) => ['haproxy', '-f', write(folder, `haproxy-${port}.cfg`, haproxy(port, servers))],
  },
];

const nginx = (port, servers, folder) => `
daemon off;
worker_processes 1;
pid ${folder}/nginx-${port}.pid;
error_log ${folder}/nginx-error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream servers {
    least_conn;
    ${servers.map((server) => `server 127.0.0.1:${server};`).join('\n    ')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 1s;
      proxy_read_timeout 1s;
      proxy_next_upstream error timeout;
    }
  }
}
`;

const haproxy = (port, servers) => `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 1s
  http-reuse always
  retries 3
  option redispatch 1
  retry-on all-retryable-errors
frontend front
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  balance leastconn
  option httpchk GET /
  default-server check inter 2s fall 3 rise 2
${servers.map((server, i) => `  server s${i} 127.0.0.1:${server}`).join('\n')}
`;
