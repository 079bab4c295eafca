// Package kernel holds vectorised functions over Arrow arrays. It imports Arrow and the standard library only: no SQL, no
// plan, no client. Kernels take whole columns, give new ones, and allocate nothing per row.
package kernel
