/** The scripts run on the Node of the package, never on the system's. */
const MAJOR = 26;

export function requireNode(): void {
  const running = Number(process.versions.node.split('.')[0]);
  if (running >= MAJOR) return;
  console.error(
    `This needs Node ${MAJOR}; it runs on ${process.version}. Use npm (npm test, npm run check): after npm ci it ` +
      `brings its own Node on Linux and Windows. Elsewhere install Node ${MAJOR} first.`,
  );
  process.exit(2);
}
