// The DNS server of a host in a network namespace; told by its parent what to answer.
import { type Answer, DnsServer } from './dns-server.js';

const server = new DnsServer();
process.on('message', ({ name, answer }: { name: string; answer: Answer }) => {
  server.answers.set(name, answer);
  process.send!('heard');
});
process.on('disconnect', () => process.exit());
await server.listen('127.0.0.1', 53);
process.send!('ready');
