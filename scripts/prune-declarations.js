/**
 * Reduces the declarations in `dist` to what the entries of the package refer to. A type of a private part that no public
 * member mentions would be a third of the tarball, and is of no use to a compiler.
 */
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import ts from 'typescript'

/** A file with declarations: its statements, and what each name in it stands for. */
class DeclarationFile {
  /** Statements that are kept. */
  kept = new Set()
  /** Imported and re-exported names that are kept. */
  specifiers = new Set()
  declarations = new Map()
  imports = new Map()
  exports = new Map()
  stars = []

  constructor(path) {
    this.path = path
    this.text = readFileSync(path, 'utf8')
    this.source = ts.createSourceFile(path, this.text, ts.ScriptTarget.Latest, true)
    for (const statement of this.source.statements) this.#read(statement)
  }

  #read(statement) {
    if (ts.isImportDeclaration(statement)) {
      const { name, namedBindings } = statement.importClause ?? {}
      const elements = namedBindings?.elements ?? (namedBindings ? [namedBindings] : [])
      for (const specifier of name ? [...elements, statement.importClause] : elements)
        this.imports.set(specifier.name.text, { specifier, statement })
    } else if (ts.isExportDeclaration(statement)) {
      if (!statement.exportClause) this.stars.push(statement)
      for (const specifier of statement.exportClause?.elements ?? [])
        this.exports.set(specifier.name.text, { specifier, statement })
    } else {
      const named = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement]
      for (const { name } of named) {
        if (!name) throw new Error(`a declaration without a name in ${this.path}`)
        this.declarations.set(name.text, [...(this.declarations.get(name.text) ?? []), statement])
      }
    }
  }

  /** The text without the statements and the imported names that are not kept. */
  print() {
    let text = ''
    for (const statement of this.source.statements) {
      if (!this.kept.has(statement)) continue
      const clause = statement.importClause?.namedBindings ?? statement.exportClause
      const elements = clause?.elements ?? []
      const whole = statement.getFullText()
      const names = elements.filter(element => this.specifiers.has(element))
      text +=
        names.length === elements.length
          ? whole
          : whole.replace(clause.getText(), `{ ${names.map(name => name.getText()).join(', ')} }`)
    }
    return `${text.trim()}\n`
  }
}

const files = new Map()
const entries = Object.values(JSON.parse(readFileSync('package.json', 'utf8')).exports)
for (const { types } of entries) if (types) keepEntry(open(join(types)))
for (const { types } of entries) if (types) keepAll(open(join(types)))
for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  const path = join('dist', name)
  if (!path.endsWith('.d.ts')) continue
  const file = files.get(path)
  if (file?.kept.size) writeFileSync(path, file.print())
  else rmSync(path)
}
removeEmpty('dist')

function open(path) {
  const file = files.get(path) ?? new DeclarationFile(path)
  files.set(path, file)
  return file
}

/** Returns the file that an import or a re-export names, or undefined for a module of Node. */
function target(file, { moduleSpecifier }) {
  const name = moduleSpecifier?.text
  return name?.startsWith('.') ? open(join(dirname(file.path), name.replace(/\.[jt]s$/, '.d.ts'))) : undefined
}

/** Keeps everything that an entry exports. */
function keepEntry(file) {
  for (const name of file.declarations.keys()) keepLocal(file, name)
  for (const name of file.exports.keys()) keepExport(file, name)
  for (const statement of file.stars) {
    file.kept.add(statement)
    keepEntry(target(file, statement))
  }
}

/** An entry itself stays as it is. */
function keepAll(file) {
  for (const statement of file.source.statements) file.kept.add(statement)
}

/** Keeps what a file exports under a name. @returns false if it exports nothing of that name */
function keepExport(file, name) {
  const found = file.exports.get(name)
  if (!found) {
    if (file.declarations.has(name)) return keepLocal(file, name)
    return file.stars.some(star => keepExport(target(file, star), name) && file.kept.add(star))
  }
  const { specifier, statement } = found
  if (file.specifiers.has(specifier)) return true
  file.kept.add(statement)
  file.specifiers.add(specifier)
  const original = (specifier.propertyName ?? specifier.name).text
  const from = target(file, statement)
  return from ? keepExport(from, original) : keepLocal(file, original)
}

/** Keeps what a name in a file stands for, and what that refers to. */
function keepLocal(file, name) {
  const imported = file.imports.get(name)
  if (imported) {
    const { specifier, statement } = imported
    if (file.specifiers.has(specifier)) return true
    file.kept.add(statement)
    file.specifiers.add(specifier)
    const from = target(file, statement)
    if (from && !keepExport(from, (specifier.propertyName ?? specifier.name).text))
      throw new Error(`${file.path}: ${from.path} does not export ${name}`)
    return true
  }
  for (const statement of file.declarations.get(name) ?? []) {
    if (file.kept.has(statement)) continue
    file.kept.add(statement)
    keepReferences(file, statement)
  }
  return file.declarations.has(name)
}

function keepReferences(file, node) {
  ts.forEachChild(node, child => {
    if (ts.isImportTypeNode(child)) keepImportType(file, child)
    const isName = child.parent.name === child || child.parent.right === child
    if (ts.isIdentifier(child) && !isName) keepLocal(file, child.text)
    else keepReferences(file, child)
  })
}

/** Keeps what `import('./file.ts').Name` stands for. */
function keepImportType(file, { argument, qualifier }) {
  const from = target(file, { moduleSpecifier: argument.literal })
  if (from && !keepExport(from, qualifier.text)) throw new Error(`${from.path} does not export ${qualifier.text}`)
}

function removeEmpty(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
  if (readdirSync(directory).length === 0) rmdirSync(directory)
}
