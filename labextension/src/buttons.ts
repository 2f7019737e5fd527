/** Fix and Explain on a cell's error, Copy and Insert below on the code of an answer. All act on a click only. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard } from '@jupyterlab/apputils';
import { INotebookTracker, Notebook, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';
import { MessageLoop } from '@lumino/messaging';
import zh from './zh.json';

type Place = { panel: NotebookPanel; cell: Notebook['widgets'][number] };
type Words = keyof typeof zh;
type Button = [label: Words, title: Words, click: (place: Place) => unknown];
type Test = (model: IRenderMime.IMimeModel) => boolean;

const ERROR = 'application/vnd.jupyter.error';
const OURS = /^\s*%%?(qwen|openclaw)\b/;
const CELL_ID = /^[\w-]{1,64}$/; // it comes from the notebook's file, and becomes a part of a cell that is run
const PYTHON = /^(|python|py|python3|ipython|ipython3)$/;
const SHELL = /^(bash|sh|shell|zsh|console|shell-session|shellsession|terminal)$/;

/** The class of a notebook whose kernel has the extension loaded. The style sheet hides the buttons in others. */
const LOADED = 'oc-loaded';

/** Ask the kernel of a notebook whether the extension is loaded, and show the buttons or hide them. */
async function look({ node, sessionContext }: NotebookPanel): Promise<void> {
  await sessionContext.ready;
  const user_expressions = { loaded: "hasattr(get_ipython(), '_openclaw_ipython')" };
  for (let pause = 100; pause < 5000; pause *= 3) {
    const request = { code: '', silent: true, user_expressions };
    const content = (await sessionContext.session?.kernel?.requestExecute(request).done)?.content;
    if (content?.status === 'ok') {
      const { data } = content.user_expressions.loaded as { data?: Record<string, string> };
      node.classList.toggle(LOADED, data?.['text/plain'] === 'True');
      return;
    }
    await new Promise(resume => setTimeout(resume, pause)); // when a cell fails, a kernel drops what is queued
  }
}

/** A code cell with the code of an answer: shell commands under `%%bash`, and of a session only what was typed. */
function asCell(language: string, code: string): string {
  const typed = [...code.matchAll(/^[ \t]*[$%] (.*)$/gm)].map(line => line[1]).join('\n');
  return !SHELL.test(language) || /^\s*%%/.test(code) ? code : `%%bash\n${typed || code}`;
}

const lastInserted = new WeakMap<object, Place['cell']>(); // by the cell with the button, so that several stay in order

function insert({ panel: { content }, cell }: Place, source: string): Place['cell'] {
  const [first, last] = [cell, lastInserted.get(cell) ?? cell].map(one => content.widgets.indexOf(one));
  const index = Math.max(first, last) + 1;
  content.model?.sharedModel.insertCell(index, { cell_type: 'code', source });
  content.deselectAll();
  content.activeCellIndex = index;
  content.activate();
  void content.scrollToItem(index);
  lastInserted.set(cell, content.widgets[index]);
  return content.widgets[index];
}

export const buttons: JupyterFrontEndPlugin<void> = {
  id: 'openclaw-ipython:buttons',
  autoStart: true,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (_, tracker: INotebookTracker, rendermime: IRenderMimeRegistry, translator: ITranslator | null) => {
    const say = (words: Words) => (translator?.languageCode?.startsWith('zh') ? zh[words] : words);
    function placeOf(node: Node): Place | undefined {
      const panel = tracker.find(one => one.node.contains(node));
      const cell = panel?.content.widgets.find(one => one.node.contains(node));
      return panel && cell && { panel, cell };
    }

    function bar(buttons: Button[]): HTMLElement {
      const node = document.createElement('div');
      node.className = 'oc-bar';
      node.dataset.lmSuppressShortcuts = 'true'; // Enter presses the button and does not edit the cell
      for (const [label, title, click] of buttons) {
        const button = node.appendChild(document.createElement('button'));
        Object.assign(button, { type: 'button', textContent: say(label), title: say(title), ariaLive: 'polite' });
        button.onclick = () => {
          const place = placeOf(node);
          void (place && click(place));
          button.textContent = say(label === 'Copy' ? 'Copied' : label);
          setTimeout(() => (button.textContent = say(label)), 2000);
        };
      }
      return node;
    }

    function onError(error: HTMLElement): void {
      const model = placeOf(error)?.cell.model;
      const ask = (command: string) => (place: Place) => {
        const below = insert(place, `%openclaw ${command} --cell ${model?.id}`);
        return NotebookActions.runCells(place.panel.content, [below], place.panel.sessionContext);
      };
      const explain: Button = ['Explain', 'Ask the model to explain this error', ask('explain')];
      const ours = OURS.test(model?.sharedModel.getSource() ?? '');
      if (model && !ours && CELL_ID.test(model.id) && !error.querySelector('.oc-bar')) {
        error.append(bar([['Fix', 'Ask the model to repair this cell', ask('fix')], explain]));
      }
    }

    function onAnswer(answer: HTMLElement): void {
      for (const pre of answer.querySelectorAll<HTMLElement>('pre:not(.oc-code pre, details pre)')) {
        const code = (pre.textContent ?? '').replace(/\n$/, '');
        const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? '')?.[1].toLowerCase() ?? '';
        const buttons: Button[] = [['Copy', 'Copy this code', () => Clipboard.copyToSystem(code)]];
        if (PYTHON.test(language) || SHELL.test(language)) {
          const below = (place: Place) => insert(place, asCell(language, code));
          buttons.push(['Insert below', 'Put this code into a new cell, not run', below]);
        }
        const frame = document.createElement('div');
        frame.className = 'oc-code';
        pre.replaceWith(frame);
        frame.append(bar(buttons), pre);
      }
    }

    /** Wrap the renderer of `stockType`: `decorate` what it shows of `mimeType`, where `applies` says so. */
    function extend(stockType: string, mimeType: string, applies: Test, decorate: (node: HTMLElement) => void): void {
      const stock = rendermime.getFactory(stockType) as IRenderMime.IRendererFactory;
      const createRenderer = (options: IRenderMime.IRendererOptions) => {
        const widget = stock.createRenderer({ ...options, mimeType: stockType });
        const render = widget.renderModel.bind(widget);
        let ours = false;
        widget.renderModel = model => {
          ours = applies(model);
          return render(model);
        };
        new MutationObserver(() => ours && decorate(widget.node)).observe(widget.node, { childList: true });
        MessageLoop.installMessageHook(widget, (_, message) => {
          const place = ours && message.type === 'after-attach' && placeOf(widget.node);
          if (place) {
            decorate(widget.node);
            void (place.panel.hasClass(LOADED) || look(place.panel).catch(() => undefined));
          }
          return true;
        });
        return widget;
      };
      rendermime.addFactory({ safe: stock.safe, mimeTypes: [mimeType], createRenderer }, stock.defaultRank! - 1);
    }
    extend('text/markdown', 'text/markdown', ({ metadata }) => 'openclaw' in metadata, onAnswer);
    const failed: Test = ({ data }) => (data[ERROR] as { ename?: string }).ename !== 'KeyboardInterrupt';
    extend('application/vnd.jupyter.stderr', ERROR, failed, onError);
    tracker.widgetAdded.connect((_, { node, sessionContext }) => {
      sessionContext.statusChanged.connect((_, now) => /start|unknown/.test(now) && node.classList.remove(LOADED));
    });
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      const panel = tracker.find(one => one.content === notebook);
      if (panel && cell.model.sharedModel.getSource().includes('openclaw_ipython')) {
        void look(panel).catch(() => undefined); // the cell may have loaded or unloaded the extension
      }
    });
  }
};
