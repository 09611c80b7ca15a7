"""The plain method from the layer on, for close calls.

Up to the layer an ablation changes nothing. So the plain method's outputs can be computed from the layer's unablated
output, by the network's own operations as they were recorded: no batch norm is merged, and no result is updated.
"""

from typing import Any

from torch import Tensor

from precompute.ablation.ablations import Ablation
from precompute.ablation.graph import Node, Program, Stretch, image_counts
from precompute.ablation.precision import Precision


class ReferenceSuffix:
    """Runs a network from one layer on, as the plain method does.

    Parameters
    ----------
    program
        The network as recorded.
    site
        The layer's name.
    """

    def __init__(self, program: Program, site: str) -> None:
        self.program = program
        self.site = program.marks[site]
        after = {self.site}
        for node in program.nodes:
            if not node.counts_images and any(used in after for used in node.inputs):
                after.add(node)
        nodes = [node for node in program.nodes if node in after and node is not self.site]
        self.stretch = Stretch(nodes, keep=[program.output])

    def run(self, base: dict[str, Tensor], images: Tensor, ablation: Ablation) -> Tensor:
        """Return the network's outputs under one ablation, (row, output) in float32.

        Parameters
        ----------
        base
            Unablated values of a batch of images, by the names of their nodes: of the layer, and of whatever else the
            operations after it use.
        images
            (row,): indices of images of the batch.
        ablation
            What to silence.
        """
        values: dict[Node, Any] = self.program.constants | image_counts(self.program.nodes, len(images))

        # Contiguous, as in the network itself: in another layout operations may round differently.
        def unablated(node: Node) -> Tensor:
            return base[node.name].index_select(0, images).contiguous()

        values[self.site] = ablation.apply(unablated(self.site))
        with Precision.FLOAT32.matrix_products():
            for node in self.stretch.steps(values):
                values[node] = node.run(lambda used: values[used] if used in values else unablated(used))
        return values[self.program.output]
