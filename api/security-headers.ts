/** Headers of every answer: a browser must neither guess what it is, nor run, frame, cache or share it. */
import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { ApiEnvironment } from './context.ts';

/** The same headers for answers that are made without the app. */
export const securityHeaders: Record<string, string> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
};

/**
 * A page that needs more sets its own `Content-Security-Policy`, and what everybody may see its own `Cache-Control`:
 * these are left as they are.
 */
export function secured(): MiddlewareHandler<ApiEnvironment> {
  const common = secureHeaders({ xFrameOptions: 'DENY' });
  return async (c, next) => {
    await common(c, next);
    for (const [name, value] of Object.entries(securityHeaders)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
    c.res.headers.delete('Server');
  };
}
