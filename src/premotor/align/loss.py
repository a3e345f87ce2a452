"""The alignment loss; what it certifies is `measure.retrieval.information_bound`."""

from jaxtyping import Float
from torch import Tensor

from premotor.backbones import contrast


def info_nce(
    z_u: Float[Tensor, "b z"], z_e: Float[Tensor, "b z"], temperature: float
) -> Float[Tensor, ""]:
    """Bidirectional InfoNCE: row i of z_u and row i of z_e are one action, watched and done.

    L_align = ( CE(S, I) + CE(S^T, I) ) / 2,  S_ij = <z_u_i, z_e_j> / tau   (paper Eqs. 17, 19)

    Under several ranks, this rank's rows are contrasted with the rows of all.

    Args:
        z_u: Unit-norm embeddings of the observed actions.
        z_e: Unit-norm embeddings of the executed actions, in the same order.
        temperature: Positive scalar tau.

    Returns:
        Mean loss [nat]; log(b) at chance, so values at different batch sizes do not compare.
    """
    return contrast.info_nce(z_u, z_e, temperature)
