// Judges the records of runs: by the official schema, by Cucumber's own report in a browser, and by
// Cucumber's own counts.

import assert from 'node:assert/strict'
import { copyFileSync, createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'

import { Cloud, folder, Judge, lines, load, locate, start, until, whimbrel } from './judge.mjs'

const { default: Ajv } = await load('ajv/dist/2020.js')
const { CucumberHtmlStream } = await load('@cucumber/html-formatter')
const { Query } = await load('@cucumber/query')
const { default: playwright } = await load('playwright-core')

const schema = JSON.parse(readFileSync(locate('@cucumber/messages/schema'), 'utf8'))
const valid = new Ajv.default({ strict: false, allErrors: true }).compile(schema)
const features = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, 'features')

const judge = new Judge()
const browser = await playwright.chromium.launch({
  executablePath: process.env.BROWSER,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})

/** A folder with these feature files in which runs are recorded. */
function bench(...names) {
  const path = folder()
  for (const name of names) copyFileSync(join(features, name), join(path, name))
  return path
}

/** The flags that every run here has. */
const recorded = ['--messages', 'run.ndjson', '--junit', 'junit.xml', '--color', 'never']

/** Every line against the schema, and every id said before it is referred to. */
async function wellFormed(name, path) {
  await judge.check(`${name}: every line is valid against the official schema`, () => {
    const all = lines(path)
    assert.ok(all.length > 3, 'there are lines')
    all.forEach((line, index) => {
      if (valid(JSON.parse(line))) return
      const wrong = valid.errors.map((error) => `${error.instancePath} ${error.message}`)
      assert.fail(`line ${index + 1}: ${wrong.join('; ')}\n${line}`)
    })
  })
  await judge.check(`${name}: what a line refers to was said before it`, () => {
    const said = new Set()
    const refers = /"(astNodeIds|stepDefinitionIds|\w+Id)":("[^"]*"|\[[^\]]*\])/g
    for (const line of lines(path)) {
      // Node ids stand within the line that declares them.
      for (const [, id] of line.matchAll(/"id":"([^"]*)"/g)) said.add(id)
      for (const [, key, value] of line.matchAll(refers)) {
        const ids = [JSON.parse(value)].flat()
        for (const id of ids) {
          if (key !== 'workerId') assert.ok(said.has(id), `${key} ${id}: ${line.slice(0, 300)}`)
        }
      }
    }
  })
}

/** The official report of a record, in a browser. */
async function rendered(name, path, texts) {
  await judge.check(`${name}: the official HTML report shows it without an error`, async () => {
    const html = `${path}.html`
    const page = new CucumberHtmlStream()
    const file = page.pipe(createWriteStream(html))
    for (const line of lines(path)) page.write(JSON.parse(line))
    page.end()
    await finished(file)
    await looked(name, html, texts)
  })
}

async function looked(name, html, texts) {
  const tab = await browser.newPage({ viewport: { width: 1200, height: 2400 } })
  const errors = []
  tab.on('console', (said) => said.type() === 'error' && errors.push(said.text()))
  tab.on('pageerror', (error) => errors.push(error.stack ?? String(error)))
  tab.on('requestfailed', (request) => errors.push(`request failed: ${request.url()}`))
  await tab.goto(pathToFileURL(html).href)
  await tab.waitForSelector('#content *', { timeout: 30_000 })
  // Features in which nothing failed are closed.
  const closed = tab.locator('[aria-expanded="false"]')
  while ((await closed.count()) > 0) await closed.first().click({ timeout: 5000 })
  const shown = (await tab.locator('#content').innerText()).replace(/\s+/g, ' ')
  if (process.env.SCREENSHOTS) {
    mkdirSync(process.env.SCREENSHOTS, { recursive: true })
    const picture = join(process.env.SCREENSHOTS, `${name.replace(/\W+/g, '-')}.png`)
    await tab.screenshot({ path: picture, fullPage: true })
  }
  await tab.close()
  assert.deepEqual(errors, [])
  for (const text of texts) assert.ok(shown.includes(text), `it does not show ${text}: ${shown}`)
}

/** The names of all features, rules and scenarios, as they are written. */
function titles(record) {
  const below = (node) => [node.name, ...(node.children ?? []).flatMap(child)]
  const child = ({ rule, scenario }) => (rule ? below(rule) : scenario ? [scenario.name] : [])
  const documents = lines(record).map((line) => JSON.parse(line).gherkinDocument?.feature)
  return documents.filter(Boolean).flatMap(below)
}

/** What the console's last lines count. */
function counted(console) {
  const line = /^\d+ scenarios?: (.*)$/m.exec(console)?.[1] ?? ''
  const count = (what) => Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1] ?? 0)
  return {
    passed: count('passed'),
    failed: count('failed') + count('left something behind'),
    skipped: count('skipped'),
    unfinished: count('interrupted'),
    unstarted: count('not started'),
  }
}

/** The same, as Cucumber's own query counts. */
function queried(path) {
  const query = new Query()
  for (const line of lines(path)) query.update(JSON.parse(line))
  const counts = { passed: 0, failed: 0, skipped: 0, unfinished: 0 }
  for (const started of query.findAllTestCaseStarted()) {
    const worst = query.findMostSevereTestStepResultBy(started)?.status
    if (worst === 'FAILED' || worst === 'UNDEFINED' || worst === 'AMBIGUOUS') counts.failed += 1
    else if (!query.findTestCaseFinishedBy(started)) counts.unfinished += 1
    else if (worst === 'PASSED') counts.passed += 1
    else if (worst === 'SKIPPED') counts.skipped += 1
    else assert.fail(`a scenario is ${worst}`)
  }
  const unstarted = query.findAllPickles().length - query.findAllTestCaseStarted().length
  return { ...counts, unstarted }
}

/** The same in JUnit: what is interrupted is an error there, what was not begun is skipped. */
function tested(xml) {
  const cases = xml.match(/<testcase [^>]*?(\/>|>[^]*?<\/testcase>)/g) ?? []
  const scenarios = cases.filter((text) => !/classname="@/.test(text))
  const has = (pattern) => scenarios.filter((text) => pattern.test(text)).length
  const unstarted = has(/<skipped message="not started/)
  const counts = {
    failed: has(/<failure/),
    skipped: has(/<skipped/) - unstarted,
    unfinished: has(/<error/),
    unstarted,
  }
  const others = Object.values(counts).reduce((all, count) => all + count)
  return { ...counts, passed: scenarios.length - others }
}

async function agrees(name, path, console, wanted) {
  await judge.check(`${name}: @cucumber/query, JUnit and the console count alike`, () => {
    const full = { passed: 0, failed: 0, skipped: 0, unfinished: 0, unstarted: 0, ...wanted }
    assert.deepEqual(counted(console), full, 'the console')
    assert.deepEqual(queried(join(path, 'run.ndjson')), full, '@cucumber/query')
    assert.deepEqual(tested(readFileSync(join(path, 'junit.xml'), 'utf8')), full, 'JUnit')
  })
}

/** A report made later says what the run said. */
async function replayed(name, path, ran) {
  await judge.check(`${name}: the reports made from the record are those of the run`, () => {
    const words = ['report', 'run.ndjson', '--console', '--junit', 'later.xml', '--color', 'never']
    const later = whimbrel(path, ...words)
    assert.equal(later.code, ran.code)
    if (ran.out) assert.equal(later.out, ran.out)
    const xml = (name) => readFileSync(join(path, name), 'utf8')
    if (existsSync(join(path, 'junit.xml'))) assert.equal(xml('later.xml'), xml('junit.xml'))
  })
}

async function all() {
  const path = folder()
  const ran = whimbrel(path, 'run', ...recorded)
  await judge.check('all features: they pass', () => assert.equal(ran.code, 0, ran.out + ran.err))
  const passed = counted(ran.out).passed
  const record = join(path, 'run.ndjson')
  await wellFormed('all features', record)
  await rendered('all features', record, titles(record))
  await agrees('all features', path, ran.out, { passed })
  await replayed('all features', path, ran)
}

async function failing() {
  const path = bench('failing.feature')
  const cloud = await Cloud.started(path)
  await cloud.control('hold-migrations', { phase: 'running' })
  const own = ['--cloud', 'whimbrel-admin', '--set', 'pace.migrate.limit=1s', '--set', 'pace.settle.limit=1s']
  const ran = whimbrel(path, 'run', 'failing.feature', ...own, ...recorded)
  cloud.stop()
  await judge.check('failures: the run fails', () => assert.equal(ran.code, 1, ran.out + ran.err))
  const record = join(path, 'run.ndjson')
  await wellFormed('failures', record)
  await rendered('failures', record, [
    'Records carry everything — "näïve" & <odd> 東京 🐦',
    '</script> & "quotes"',
    'Instances that are booted together',
    'It stands where it was',
    'web was to be running on another compute',
    'It never arrives',
    'gave up on',
    'More computes than there are',
  ])
  await agrees('failures', path, ran.out, { passed: 4, failed: 2, skipped: 1 })
  await replayed('failures', path, ran)
  await judge.check('failures: each carries its waits and its requests', () => {
    const said = lines(record).map((line) => JSON.parse(line))
    const ends = said.map((line) => line.testStepFinished)
    const failed = ends.filter((end) => end?.testStepResult.status === 'FAILED')
    const scenarios = new Set(failed.map((end) => end.testCaseStartedId))
    assert.equal(scenarios.size, 2)
    for (const scenario of scenarios) {
      const own = said.filter((line) => line.attachment?.testCaseStartedId === scenario)
      const types = own.map((line) => line.attachment.mediaType).join()
      assert.match(types, /timeline\+json/)
      assert.match(types, /exchanges\+json/)
    }
  })
}

async function leaving() {
  const path = bench('plain.feature')
  const cloud = await Cloud.started(path)
  const broken = { service: 'compute', method: 'DELETE', requests: 100000, answer: 500 }
  await cloud.control('disturb', broken)
  const own = ['--cloud', 'whimbrel-admin', '--set', 'deadline.clean-up=2s']
  const ran = whimbrel(path, 'run', 'plain.feature', ...own, ...recorded)
  cloud.stop()
  await judge.check('left behind: the run says so', () => assert.equal(ran.code, 5, ran.out))
  const record = join(path, 'run.ndjson')
  await wellFormed('left behind', record)
  await rendered('left behind', record, ['An instance runs', 'clean-up'])
  await agrees('left behind', path, ran.out, { failed: 1 })
  await replayed('left behind', path, ran)
}

async function refused() {
  const path = bench('undefined.feature', 'broken.feature')
  const ran = whimbrel(path, 'run', 'undefined.feature', 'broken.feature', ...recorded)
  await judge.check('refused: nothing is run', () => assert.equal(ran.code, 2, ran.out + ran.err))
  const record = join(path, 'run.ndjson')
  await judge.check('refused: what can not be parsed is on record', () => {
    const error = lines(record).map((line) => JSON.parse(line).parseError).find(Boolean)
    assert.match(error?.message ?? 'nothing', /Wehn it rains/)
    assert.deepEqual(error.source, { uri: 'broken.feature', location: { line: 5, column: 5 } })
  })
  await wellFormed('refused', record)
  // The official report does not show what can't be parsed.
  await rendered('refused', record, ['A bird sings', 'a whimbrel sings', 'No step definition found'])
  const later = whimbrel(path, 'report', 'run.ndjson')
  await agrees('refused', path, later.out, { failed: 1, unstarted: 2 })
  await replayed('refused', path, ran)
}

async function killed() {
  const path = bench('failing.feature', 'plain.feature')
  const cloud = await Cloud.started(path)
  await cloud.control('hold-migrations', { phase: 'running' })
  const own = ['--cloud', 'whimbrel-admin', '--concurrency', '1', '--messages', 'run.ndjson']
  const run = start(path, 'run', 'failing.feature:34', 'plain.feature', ...own)
  run.stdout.resume()
  const record = join(path, 'run.ndjson')
  const ended = new Promise((resolve) => run.on('exit', resolve))
  // Two hooks, the background, and its own three steps; the last of them will wait.
  await until('it waits for the migration', () => existsSync(record) && steps(record) === 6)
  run.kill('SIGKILL')
  await ended
  cloud.stop()
  await wellFormed('killed', record)
  await rendered('killed', record, ['It never arrives'])
  const later = whimbrel(path, 'report', 'run.ndjson', '--console', '--junit', 'junit.xml')
  await judge.check('killed: it reads as interrupted, with the step it was in', () => {
    assert.equal(later.code, 130)
    assert.match(later.out, /Interrupted in\n.*It never arrives\n +Then the migration of "web"/)
  })
  await agrees('killed', path, later.out, { unfinished: 1, unstarted: 1 })
}

/** How many steps and hooks have begun. */
const steps = (record) => lines(record).filter((line) => line.startsWith('{"testStepStarted"')).length

for (const part of [all, failing, leaving, refused, killed]) {
  await part().catch((error) => judge.fail(`${part.name}: it can't be judged`, error))
}
await browser.close()
judge.end()
