import { setTimeout as sleep } from 'node:timers/promises';

export const dynamic = 'force-dynamic';

export function GET() {
  return new Response(ReadableStream.from(countdown()), { headers: { 'Content-Type': 'text/plain' } });
}

async function* countdown() {
  const encoder = new TextEncoder();
  for (let left = 3; left > 0; left--) {
    yield encoder.encode(`${left}\n`);
    await sleep(100);
  }
  yield encoder.encode('go\n');
}
