/** Cells that begin with `%%qwen` or `%%openclaw`: Markdown colours and wrapped lines. */
import { Compartment, EditorState, Extension, Prec } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin } from '@codemirror/view';
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { EditorExtensionRegistry, IEditorExtensionRegistry, IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { buttons } from './buttons';

const MAGIC = /^\s*(?=%%(qwen|openclaw)(\s|$))/;
const HEAD = 200; // characters that tell what a cell is
const NONE: Extension = [];

const magicLine = EditorView.decorations.compute(['doc'], ({ doc }) => {
  const start = MAGIC.exec(doc.sliceString(0, HEAD))?.[0].length ?? 0;
  return Decoration.set(Decoration.line({ class: 'oc-magic' }).range(doc.lineAt(start).from));
});

const colours: JupyterFrontEndPlugin<void> = {
  id: 'openclaw-ipython:colours',
  autoStart: true,
  requires: [IEditorExtensionRegistry, IEditorLanguageRegistry],
  activate: (_, extensions: IEditorExtensionRegistry, languages: IEditorLanguageRegistry) => {
    let question: Extension = [EditorView.lineWrapping, magicLine];
    const loaded = languages.getLanguage('ipythongfm').then(language => {
      question = language?.support ? [Prec.highest(language.support), question] : question;
    });
    const extensionOf = (head: string) => (MAGIC.test(head) ? question : NONE);
    extensions.addExtension({
      name: 'openclaw-ipython:colours',
      factory: ({ model }) => {
        const slot = new Compartment();
        return EditorExtensionRegistry.createImmutableExtension([
          slot.of(extensionOf(model.sharedModel.getSource().slice(0, HEAD))),
          EditorState.transactionExtender.of(transaction => {
            const extension = extensionOf(transaction.newDoc.sliceString(0, HEAD));
            return slot.get(transaction.startState) === extension ? null : { effects: slot.reconfigure(extension) };
          }),
          // For an editor that was made before the language was loaded, an empty transaction looks again.
          ViewPlugin.define(view => ({ loaded: loaded.then(() => view.dispatch({})) }))
        ]);
      }
    });
  }
};
export default [colours, buttons];
