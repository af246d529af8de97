// The proxies that are compared. All keep connections to the endpoint, write no access log, use one core, pass Host on and say who the
// client is in X-Forwarded-For and X-Forwarded-Proto.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { has, write } from './processes.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CLI = here('../../dist/cli/main.js');

const BARE_TLS = [process.execPath, here('peers/bare-tls.mjs')];

/** npm peers are installed for the bench alone; these versions are the last that run on Node 20. */
const PACKAGES = { 'http-proxy-3': '1.23.3', undici: '7.30.2' };
const PEERS = here('../../node_modules/.cache/bench-peers');

/**
 * `command(port, endpoint, folder, https)`: how it is started, `https` being certificate and key where it is to speak that; `missing()`: what
 * to do when it cannot be, else ''; `speaks`: whether it is compared with HTTP, HTTPS or both.
 */
export const PROXIES = [
  {
    name: 'multiserver',
    missing: () => (existsSync(CLI) ? '' : 'npm run build'),
    version: () => `Node ${process.versions.node}`,
    speaks: ['http', 'https'],
    command: (port, endpoint, _folder, https) => {
      const tls = https === undefined ? '' : ` --https-cert ${https.cert} --https-key ${https.key}`;
      const flags = `--listen 127.0.0.1:${port} --name bench-${process.pid}-${port} --quiet${tls}`;
      return [process.execPath, CLI, 'proxy', `http://127.0.0.1:${endpoint}`, ...flags.split(' ')];
    },
  },
  {
    name: 'nginx',
    missing: () => (has('nginx') ? '' : 'apt-get install nginx'),
    version: () => /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr)?.[1],
    speaks: ['http', 'https'],
    command: (port, endpoint, folder, https) => [
      'nginx',
      '-p',
      folder,
      '-c',
      write(folder, 'nginx.conf', nginx(port, endpoint, folder, https)),
    ],
  },
  {
    name: 'HAProxy',
    missing: () => (has('haproxy') ? '' : 'apt-get install haproxy'),
    version: () => /version (\d+\.\d+\.\d+)/i.exec(spawnSync('haproxy', ['-v'], { encoding: 'utf8' }).stdout)?.[1],
    speaks: ['http', 'https'],
    command: (port, endpoint, folder, https) => [
      'haproxy',
      '-f',
      write(folder, 'haproxy.cfg', haproxy(port, endpoint, https)),
    ],
  },
  {
    name: 'node:http + undici',
    missing: () => installed('undici'),
    version: () => `undici ${PACKAGES.undici}`,
    speaks: ['http'],
    command: (port, endpoint) => [process.execPath, here('peers/undici.mjs'), PEERS, `${port}`, `${endpoint}`],
  },
  {
    name: 'http-proxy-3',
    missing: () => installed('http-proxy-3'),
    version: () => PACKAGES['http-proxy-3'],
    speaks: ['http'],
    command: (port, endpoint) => [process.execPath, here('peers/http-proxy-3.mjs'), PEERS, `${port}`, `${endpoint}`],
  },
  {
    name: 'node:tls, piped',
    missing: () => '',
    version: () => 'no HTTP',
    speaks: ['https'],
    command: (port, endpoint, _folder, { cert, key }) => [...BARE_TLS, `${port}`, `${endpoint}`, cert, key],
  },
  {
    name: 'node:tls, fixed answer',
    missing: () => '',
    version: () => 'no endpoint',
    speaks: ['https'],
    command: (port, _endpoint, _folder, { cert, key }) => [...BARE_TLS, `${port}`, '0', cert, key],
  },
];

function installed(name) {
  if (existsSync(`${PEERS}/node_modules/${name}/package.json`)) return '';
  const packages = Object.entries(PACKAGES).map(([peer, version]) => `${peer}@${version}`);
  const npm = spawnSync('npm', ['install', '--prefix', PEERS, '--no-audit', '--no-fund', ...packages], {
    encoding: 'utf8',
  });
  return npm.status === 0 ? '' : `npm could not install it: ${npm.stderr.trim().split('\n').at(-1)}`;
}

/** What multiserver prefers, too. */
const SUITE = 'TLS_AES_128_GCM_SHA256';

// Bodies of 32 KiB stay in memory and are passed on as they come, as in the others; by default nginx writes them to a file first.
const nginx = (port, endpoint, folder, https) => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 10000;
  client_max_body_size 0;
  client_body_buffer_size 64k;
  proxy_buffers 8 16k;
  proxy_buffer_size 16k;
  upstream endpoint { server 127.0.0.1:${endpoint}; keepalive 512; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} ${https === undefined ? '' : 'ssl'} backlog=4096;
    ${https === undefined ? '' : `ssl_certificate ${https.cert}; ssl_certificate_key ${https.key}; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites ${SUITE};`}
    location / {
      proxy_pass http://endpoint;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`;

const haproxy = (port, endpoint, https) => `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:${port} backlog 4096${https === undefined ? '' : ` ssl crt ${https.both} ciphersuites ${SUITE} ssl-min-ver TLSv1.3`}
  option forwardfor
  http-request set-header X-Forwarded-Proto ${https === undefined ? 'http' : 'https'}
  default_backend endpoint
backend endpoint
  server one 127.0.0.1:${endpoint}
`;
