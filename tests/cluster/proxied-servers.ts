/** Servers of the test's own, each behind a proxy that fails on demand. */
import type { ServerName } from '../../scripts/dev-servers/recipes.ts';
import type { ServerProcess } from '../../scripts/dev-servers/server-process.ts';
import type { SmallDisk } from '../e2e/small-disk.ts';
import { startServer } from '../support/servers.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

export interface ProxiedServer {
  readonly name: ServerName;
  readonly process: ServerProcess;
  readonly proxy: TcpProxy;
  /** By way of the proxy, as Tradehall's option takes it. */
  readonly url: string;
  /** Of its own, which can be filled; `null` where it is on the machine's. */
  readonly disk: SmallDisk | null;
}

export async function startProxiedServer(
  name: ServerName,
  disk: SmallDisk | null = null,
): Promise<ProxiedServer> {
  let port = 0;
  const proxy = await startTcpProxy(() => port);
  let server: ServerProcess;
  try {
    server = await startServer(name, { advertisedPort: proxy.port, ...(disk === null ? {} : { disk }) });
  } catch (error) {
    // It would keep the test from ending.
    await proxy.close();
    throw error;
  }
  port = server.port;
  const url = server.url.replace(`127.0.0.1:${port}`, `127.0.0.1:${proxy.port}`);
  return { name, process: server, proxy, url, disk };
}
