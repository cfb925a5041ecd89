/** The one-screen page at `/` and its parts, and the errors' reference. Read once from disk; no build step. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

const FILES = [
  { path: '/', file: 'page/index.html', type: 'text/html; charset=utf-8' },
  { path: '/page/controls.css', file: 'page/controls.css', type: 'text/css; charset=utf-8' },
  { path: '/page/page.css', file: 'page/page.css', type: 'text/css; charset=utf-8' },
  { path: '/page/page.js', file: 'page/page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page/decimal-text.js', file: 'page/decimal-text.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page/phoenix-socket.js', file: 'page/phoenix-socket.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page/icon.svg', file: 'page/icon.svg', type: 'image/svg+xml' },
  { path: '/docs/errors', file: '../../docs/errors.md', type: 'text/plain; charset=utf-8' },
] as const;

/** Nothing but our own files; sockets to our own address only. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function addPage(app: FastifyInstance): Promise<void> {
  for (const { path, file, type } of FILES) {
    const content = await readFile(new URL(file, import.meta.url));
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    app.get(path, { schema: { hide: true } }, (request, reply) => {
      reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': PAGE_POLICY, etag });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.header('content-type', type).send(content);
    });
  }
}
