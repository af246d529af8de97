export const metadata = { title: 'Next.js behind multiserver' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body style={{ font: '1.2rem/1.6 system-ui, sans-serif', maxWidth: '36rem', margin: '15vh auto 0' }}>
        {children}
      </body>
    </html>
  );
}
