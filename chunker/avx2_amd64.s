#include "textflag.h"

// func markAVX2(window *byte, whole int, into *group) int
//
// One turn is one group. Y0 collects the taps as spread8 does, from the most shifted to
// the least. The group is always written, and the place for the next one moves on only if
// something passed: no branch depends on the data, so none is mispredicted.
TEXT ·markAVX2(SB), NOSPLIT, $0-32
	MOVQ         window+0(FP), SI
	MOVQ         whole+8(FP), CX
	MOVQ         into+16(FP), DI
	MOVQ         DI, R8
	MOVL         $0x68, AX
	MOVD         AX, X1
	VPBROADCASTB X1, Y1
	XORL         DX, DX

turn:
	VMOVDQU   8(SI), Y0
	VPADDB    Y0, Y0, Y0
	VPXOR     46(SI), Y0, Y0
	VPADDB    Y0, Y0, Y0
	VPXOR     60(SI), Y0, Y0
	VPADDB    Y0, Y0, Y0
	VPXOR     31(SI), Y0, Y0
	VPADDB    Y0, Y0, Y0
	VPXOR     52(SI), Y0, Y0
	VPXOR     63(SI), Y0, Y0
	VPCMPEQB  Y1, Y0, Y0
	VPMOVMSKB Y0, AX
	MOVL      DX, 0(DI)
	MOVL      AX, 4(DI)
	XORL      BX, BX
	TESTL     AX, AX
	SETNE     BX
	LEAQ      (DI)(BX*8), DI
	ADDQ      $32, SI
	ADDL      $32, DX
	DECQ      CX
	JNZ       turn

	VZEROUPPER
	SUBQ R8, DI
	SHRQ $3, DI
	MOVQ DI, ret+24(FP)
	RET
