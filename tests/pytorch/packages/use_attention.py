"""rotary-embedding-torch, local-attention and x-transformers: layers of attention."""

import torch
from local_attention import LocalAttention
from package_checks import show, show_step
from rotary_embedding_torch import RotaryEmbedding, apply_rotary_emb
from x_transformers import Decoder, Encoder, TransformerWrapper
from x_transformers.autoregressive_wrapper import AutoregressiveWrapper

torch.manual_seed(2)
rotary = RotaryEmbedding(dim=8)
q = torch.randn(1, 2, 10, 16, requires_grad=True)
rotated = rotary.rotate_queries_or_keys(q)
show("rotary", rotated)
show("gradient", torch.autograd.grad(rotated.pow(3).sum(), q))
axial = RotaryEmbedding(dim=4, freqs_for="pixel", max_freq=16).get_axial_freqs(3, 4)
show("axial", apply_rotary_emb(axial, torch.randn(1, 3, 4, 16)))
xpos = RotaryEmbedding(dim=8, use_xpos=True)
show("xpos", xpos.rotate_queries_and_keys(q, torch.randn(1, 2, 10, 16)))

attend = LocalAttention(dim=8, window_size=4, causal=True, look_backward=1, dropout=0.1)
attend.train()
q, k, v = torch.randn(3, 2, 16, 8)
mask = torch.ones(2, 16).bool()
show("local", attend(q, k, v, mask=mask))

model = TransformerWrapper(
    num_tokens=20,
    max_seq_len=16,
    attn_layers=Decoder(
        dim=16, depth=2, heads=2, attn_dim_head=8, rotary_pos_emb=True, ff_glu=True,
        use_rmsnorm=True, attn_qk_norm=True,
    ),
)  # fmt: skip
tokens = torch.randint(0, 20, (2, 12))
wrapped = AutoregressiveWrapper(model)
show_step("decoder", wrapped, wrapped(tokens))
wrapped.eval()
show("generated", wrapped.generate(tokens[:, :3], 5, temperature=0.0))
encoder = TransformerWrapper(
    num_tokens=20, max_seq_len=16, emb_dropout=0.1,
    attn_layers=Encoder(dim=16, depth=1, heads=2, attn_dim_head=8, alibi_pos_bias=True,
                        attn_dropout=0.1, ff_dropout=0.1),
)  # fmt: skip
show_step("encoder", encoder, encoder(tokens, mask=torch.ones(2, 12).bool()).pow(2).mean())
