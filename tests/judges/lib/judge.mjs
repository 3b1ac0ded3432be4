// What the judges written for node share: runs to judge, a cloud, and checks that are counted.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const resolver = createRequire(join(process.env.MODULES, 'any.js'))

/** Loads a package that the judge's entry has installed. */
export const load = (name) => import(pathToFileURL(resolver.resolve(name)))

/** Where a file of such a package is. */
export const locate = (name) => resolver.resolve(name)

/** A folder that is removed at the end. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'whimbrel-judge-'))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}

// What else is in the environment, such as a CI system's, would be told of or be obeyed.
const surroundings = (cwd) => ({ cwd, env: { PATH: process.env.PATH, HOME: cwd } })

/** Runs whimbrel in `cwd` to its end. */
export function whimbrel(cwd, ...words) {
  const ended = spawnSync(process.env.WHIMBREL_BIN, words, {
    ...surroundings(cwd),
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 1 << 28,
  })
  return { code: ended.status, out: ended.stdout, err: ended.stderr }
}

/** Starts whimbrel in `cwd`. */
export const start = (cwd, ...words) =>
  spawn(process.env.WHIMBREL_BIN, words, { ...surroundings(cwd), stdio: ['ignore', 'pipe', 'inherit'] })

/** Looks again until `look` answers something, at most for half a minute. */
export async function until(what, look) {
  const last = Date.now() + 30_000
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > last) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A running `whimbrel cloud --control` whose clouds.yaml is in `cwd`. */
export class Cloud {
  static async started(cwd, ...options) {
    const cloud = new Cloud()
    const words = ['cloud', '--control', '--clouds-yaml', join(cwd, 'clouds.yaml'), ...options]
    cloud.process = start(cwd, ...words)
    let said = ''
    cloud.process.stdout.on('data', (text) => (said += text))
    process.on('exit', () => cloud.process.kill('SIGKILL'))
    const ready = await until('the cloud is ready', () => /^ready: .*(http:\S+)$/m.exec(said))
    cloud.url = ready[1].replace('/identity/v3', '/control/')
    return cloud
  }

  async control(verb, body = {}) {
    const answer = await fetch(this.url + verb, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${verb} answered ${answer.status}`)
  }

  stop() {
    this.process.kill()
  }
}

/** Counts checks and prints one line for each. */
export class Judge {
  passed = 0
  failed = 0

  /** One check; any exception fails it, and the next one goes on. */
  async check(what, work) {
    const began = Date.now()
    try {
      await work()
      this.passed += 1
      console.log(`ok    ${what} (${((Date.now() - began) / 1000).toFixed(1)} s)`)
    } catch (error) {
      this.fail(what, error)
    }
  }

  /** Counts a check that failed. */
  fail(what, error) {
    this.failed += 1
    console.log(`FAIL  ${what}`)
    const told = String(error.message ?? error).trim().split('\n')
    for (const line of told.slice(0, 12)) console.log(`      ${line.slice(0, 400)}`)
  }

  /** Prints the counts alone on a line and ends the program. */
  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`)
    process.exit(this.failed || !this.passed ? 1 : 0)
  }
}

/** The lines of a file. */
export const lines = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean)
