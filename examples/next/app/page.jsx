import { connection } from 'next/server';

export default async function Page() {
  await connection(); // rendered anew for each request, not at build time
  return (
    <main>
      <h1>Next.js, many workers</h1>
      <p>This page was rendered by worker {process.env.MULTISERVER_WORKER}.</p>
    </main>
  );
}
