import type http from 'node:http';
import type net from 'node:net';

/**
 * The connections of the private socket are the balancer's, which keeps them for the next request and closes them itself: one that the
 * app's server closes between two requests takes the request with it that is on its way at that moment.
 */
export function keepConnections(server: http.Server): void {
  // Node reads these at every request, apps set them at any time: whatever they set, 0 ("none") is read.
  for (const name of ['keepAliveTimeout', 'headersTimeout'] as const) {
    Object.defineProperty(server, name, { configurable: true, enumerable: true, get: () => 0, set: () => {} });
  }
  // `server.timeout` and `server.setTimeout()` hold for requests, as the app means it, but not between them.
  server.on('timeout', (socket: net.Socket) => {
    const busy = (socket as { _httpMessage?: unknown })._httpMessage;
    // with a listener Node leaves it to that one, so one that is not the app's does what Node would do
    if (busy && server.listenerCount('timeout') === 1) socket.destroy();
  });
}
