/** Copies what the browsable API description needs into `dist/assets/docs`: nothing is loaded from elsewhere. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const source = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const target = join(import.meta.dirname, '..', 'dist', 'assets', 'docs')

mkdirSync(target, { recursive: true })
for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']) {
  copyFileSync(join(source, file), join(target, file))
}
