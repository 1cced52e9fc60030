"""Arrow keys: left and right anywhere in the viewer go to the person before and after."""

import anywidget
import traitlets


class ArrowKeys(anywidget.AnyWidget):
    """Listens in the viewer that it stands in; `steps` counts arrows to the right less those to the left."""

    _esm = """
    function render({ model, el }) {
      const listen = () => {
        const viewer = el.closest('.hpe-viewer');
        if (!viewer) return requestAnimationFrame(listen);
        viewer.tabIndex = 0;
        viewer.setAttribute('data-lm-suppress-shortcuts', 'true');
        viewer.addEventListener('keydown', event => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!step || event.target.closest('input, select, [contenteditable], .noUi-handle')) return;
          event.preventDefault();
          event.stopPropagation();
          model.set('steps', model.get('steps') + step);
          model.save_changes();
        });
      };
      listen();
    }
    export default { render };
    """
    steps = traitlets.Int(0).tag(sync=True)
