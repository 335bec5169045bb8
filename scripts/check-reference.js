/**
 * Reports exports of the package without documentation, and such methods and accessors of exported classes. `npm run lint`
 * runs it. `npm run docs` writes the API reference.
 */
import { Application, LogLevel, ReflectionKind, TSConfigReader, TypeDocReader } from 'typedoc'

const app = await Application.bootstrap({ logLevel: LogLevel.Warn, readme: 'none' }, [
  new TypeDocReader(),
  new TSConfigReader(),
])
const project = await app.convert()
if (!project) throw new Error('typedoc could not read the sources')

const findings = project.children.flatMap(entry =>
  entry.children.flatMap(reflection =>
    [reflection, ...membersOf(reflection)]
      .filter(found => !isDocumented(found))
      .map(found => `${entry.name}: ${found.getFullName()}`),
  ),
)
for (const finding of findings) console.error(`no documentation: ${finding}`)
if (findings.length > 0) process.exitCode = 1

/** Returns the methods and accessors that a class declares itself. Those with an underscore belong to its base, streamx. */
function membersOf(reflection) {
  if (!reflection.kindOf(ReflectionKind.Class)) return []
  return (reflection.children ?? []).filter(
    member =>
      member.kindOf([ReflectionKind.Method, ReflectionKind.Accessor]) &&
      !member.inheritedFrom &&
      !member.overwrites &&
      !member.implementationOf &&
      !/^[_[]/.test(member.name),
  )
}

function isDocumented(reflection) {
  if (reflection.kindOf(ReflectionKind.Reference) || reflection.hasComment()) return true
  const { getSignature, setSignature, signatures = [] } = reflection
  return [getSignature, setSignature, ...signatures].some(signature => signature?.hasComment())
}
