// Checks the types, and builds dist/, which the server embeds, and lib/, which is the npm package. Only what changed is
// written, so that cargo builds nothing anew for nothing.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const at = (...parts) => path.join(here, ...parts)

/** Scripts that begin to count: each by its source. */
const SCRIPTS = { passant: 'script', plausible: 'plausible-script', 'plausible-init': 'plausible-init' }

/** What may follow one of them: each file of src/modules, under the same name. */
const MODULES = readdirSync(at('src/modules')).map((file) => path.basename(file, '.ts')).sort()

const options = {
  bundle: true,
  minify: true,
  target: 'es2020',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
  absWorkingDir: here
}

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())

/** A module acts on the script that it is behind, with the options of that script's tag. */
const entry = (name) => ({
  contents: `import { ${camel(name)} } from './src/modules/${name}'
${camel(name)}(window.passant, document.currentScript.dataset)`,
  resolveDir: here
})

const bundled = async (more) => {
  const { outputFiles: [file] } = await build({ ...options, ...more })
  return file.text
}

const files = {}
for (const [name, source] of Object.entries(SCRIPTS)) {
  files[`dist/${name}.js`] = await bundled({ entryPoints: [`src/${source}.ts`], format: 'iife' })
}
for (const name of MODULES) {
  files[`dist/${name}.js`] = await bundled({ stdin: entry(name), format: 'iife' })
}
files['lib/index.js'] = await bundled({ entryPoints: ['src/index.ts'], format: 'esm', minify: false })

for (const directory of ['dist', 'lib']) {
  mkdirSync(at(directory), { recursive: true })
  for (const file of readdirSync(at(directory))) {
    if (file.endsWith('.js') && !(`${directory}/${file}` in files)) rmSync(at(directory, file))
  }
}
for (const [file, text] of Object.entries(files)) {
  if (!existsSync(at(file)) || readFileSync(at(file), 'utf8') !== text) writeFileSync(at(file), text)
}
for (const project of ['tsconfig.json', 'tsconfig.lib.json']) {
  execFileSync(at('node_modules/.bin/tsc'), ['--project', project], { cwd: here, stdio: 'inherit' })
}
