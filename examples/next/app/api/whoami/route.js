export const dynamic = 'force-dynamic';

export function GET(request) {
  return Response.json({
    worker: process.env.MULTISERVER_WORKER,
    pid: process.pid,
    client: request.headers.get('x-forwarded-for'),
  });
}
