"""A plotly figure that keeps to the width of its cell, which plotly's widget alone does not."""

import anywidget
import plotly.graph_objects as go
import traitlets

DRAWN = "_js2py_traceDeltas"  # the message by which the browser says that it has drawn the figure


class CellWidth(anywidget.AnyWidget):
    """Stands beside a figure in its box, and has the figure measured again where the box changes its width.

    The first drawing happens before the cell's width is known, so the figure is measured after it, too.
    """

    _esm = """
    function render({ model, el }) {
      let timer;
      const measure = () => {
        model.set('width', el.parentElement?.clientWidth ?? 0);
        model.save_changes();
      };
      const observer = new ResizeObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(measure, 100);
      });
      el.style.height = '0';
      observer.observe(el);
      return () => observer.disconnect();
    }
    export default { render };
    """
    width = traitlets.Int(0).tag(sync=True)

    def __init__(self, figure: go.FigureWidget) -> None:
        """Take the figure that has no width of its own."""
        super().__init__()
        self._figure, self._measured = figure, False
        figure.observe(self._drawn, DRAWN)
        self.observe(self._fit, "width")

    def _drawn(self, _):
        # Comes twice for one drawing: plotly takes its message back. Unobserving would fail the second time.
        if not self._measured:
            self._measured = True
            self._fit()

    def _fit(self, _=None):
        self._figure.layout.autosize = False
        self._figure.layout.autosize = True
