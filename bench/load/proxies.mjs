// The proxies that are compared. All keep connections to the endpoint, write no access log, use one core, pass Host on and say who the
// client is in X-Forwarded-For and X-Forwarded-Proto.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { has } from './processes.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CLI = here('../../dist/cli/main.js');

/** npm peers are installed for the bench alone; these versions are the last that run on Node 20. */
const PACKAGES = { 'http-proxy-3': '1.23.3', undici: '7.30.2' };
const PEERS = here('../../node_modules/.cache/bench-peers');

/** `command(port, endpoint, folder)`: how it is started; `missing()`: what to do when it cannot be, else ''. */
export const PROXIES = [
  {
    name: 'multiserver',
    missing: () => (existsSync(CLI) ? '' : 'npm run build'),
    version: () => `Node ${process.versions.node}`,
    command: (port, endpoint) => {
      const flags = `--listen 127.0.0.1:${port} --name bench-${process.pid} --quiet`;
      return [process.execPath, CLI, 'proxy', `http://127.0.0.1:${endpoint}`, ...flags.split(' ')];
    },
  },
  {
    name: 'nginx',
    missing: () => (has('nginx') ? '' : 'apt-get install nginx'),
    version: () => /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr)?.[1],
    command: (port, endpoint, folder) => [
      'nginx',
      '-p',
      folder,
      '-c',
      write(folder, 'nginx.conf', nginx(port, endpoint, folder)),
    ],
  },
  {
    name: 'HAProxy',
    missing: () => (has('haproxy') ? '' : 'apt-get install haproxy'),
    version: () => /version (\d+\.\d+\.\d+)/i.exec(spawnSync('haproxy', ['-v'], { encoding: 'utf8' }).stdout)?.[1],
    command: (port, endpoint, folder) => ['haproxy', '-f', write(folder, 'haproxy.cfg', haproxy(port, endpoint))],
  },
  {
    name: 'node:http + undici',
    missing: () => installed('undici'),
    version: () => `undici ${PACKAGES.undici}`,
    command: (port, endpoint) => [process.execPath, here('peers/undici.mjs'), PEERS, `${port}`, `${endpoint}`],
  },
  {
    name: 'http-proxy-3',
    missing: () => installed('http-proxy-3'),
    version: () => PACKAGES['http-proxy-3'],
    command: (port, endpoint) => [process.execPath, here('peers/http-proxy-3.mjs'), PEERS, `${port}`, `${endpoint}`],
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

function write(folder, name, text) {
  writeFileSync(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

// Bodies of 32 KiB stay in memory and are passed on as they come, as in the others; by default nginx writes them to a file first.
const nginx = (port, endpoint, folder) => `
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
    listen 127.0.0.1:${port} backlog=4096;
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

const haproxy = (port, endpoint) => `
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
  bind 127.0.0.1:${port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  default_backend endpoint
backend endpoint
  server one 127.0.0.1:${endpoint}
`;
