"""The costly computations of a tagger, each in torch (the reference), in C for a CPU and in Triton for a GPU.

Read ``reference`` first: it defines what is computed, and the other two compute the same faster. ``build`` compiles and
loads the C library, ``selftest`` compares the kernels in Triton with the reference before their first use, and
``dispatch`` chooses between the three. Other packages call ``dispatch``.
"""
